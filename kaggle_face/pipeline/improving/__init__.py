"""Stages that improve a trained run: searches, soups, test-time augmentation, pseudo-labels."""
