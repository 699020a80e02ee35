"""Fake CUDA tensors: mixed devices and host waits are found without a GPU."""
