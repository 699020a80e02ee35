"""One-shot recognition: people are enrolled with a picture or a few, then verified or identified."""
