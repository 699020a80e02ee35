"""Sections about images and identities: mistakes, labels, embeddings, how the test set differs."""
