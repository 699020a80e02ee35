"""Known competitions: specs, editions, rules and ranking metrics."""
