"""Confidence intervals of metrics and of their differences."""
