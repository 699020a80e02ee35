"""Training of one fold: loss, optimiser, schedule, loop, checkpoints."""
