"""How often intervals of verification hold the truth, on generated scores."""
