"""Heads: embeddings in, logits out."""
