"""Backbones over shared folds, their soups and blends compared on one's own faces."""
