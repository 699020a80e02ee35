"""Optimiser, learning rate and image size over time."""
