"""The stage that writes trained networks as ONNX files."""
