"""From pictures on disk to batches: packing, folds, augmentation, mixing, loaders."""
