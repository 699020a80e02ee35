"""Search for weights and temperatures of members."""
