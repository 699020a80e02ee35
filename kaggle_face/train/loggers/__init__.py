"""Loggers of a training: CSV, TensorBoard, Weights & Biases, MLflow, and the observer that calls them."""
