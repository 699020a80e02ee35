"""Embeddings and logits of many images."""
