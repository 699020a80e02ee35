"""Averages of weights, and soups of checkpoints."""
