"""Predictions that were made elsewhere: read, checked and aligned with the competition."""
