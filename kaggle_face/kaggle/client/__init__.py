"""The official client behind typed calls."""
