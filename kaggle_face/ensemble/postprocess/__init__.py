"""Post-processing of embeddings, scores and classes."""
