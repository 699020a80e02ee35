"""From pictures on disk to batches: the image cache, folds, augmentation, mixing, loaders."""
