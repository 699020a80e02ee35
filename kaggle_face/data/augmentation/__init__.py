"""Augmentation and mixing of training images."""
