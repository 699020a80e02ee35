"""One training step and what is counted in it."""
