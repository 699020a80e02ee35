"""Trained networks as ONNX files that other programs run."""
