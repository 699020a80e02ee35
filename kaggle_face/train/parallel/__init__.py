"""Shared work of several processes in a step: messages, gradients, batch normalisation and the head."""
