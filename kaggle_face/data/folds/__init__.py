"""Folds: the split, its checks, verification trials and near-duplicates."""
