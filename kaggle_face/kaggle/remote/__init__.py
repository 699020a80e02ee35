"""Datasets and notebooks of the account, and training in them."""
