"""Commands that predict, measure and blend."""
