"""Coverage of verification intervals on generated scores."""
