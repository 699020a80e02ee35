"""Communication of distributed training, counted and timed."""
