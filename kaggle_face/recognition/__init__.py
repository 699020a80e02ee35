"""One-shot recognition: a gallery of people, verification and identification."""
