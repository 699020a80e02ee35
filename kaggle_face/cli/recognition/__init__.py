"""Commands of one-shot recognition."""
