"""What several processes share in a step: messages, gradients, batch normalisation and the head."""
