"""Projects, runs and blends as objects: what `import kaggle_face` shows of the pipeline."""
