"""What processes that train together send each other, counted and timed."""
