"""Predictions, embeddings and pair scores of the test set and of held-out folds."""
