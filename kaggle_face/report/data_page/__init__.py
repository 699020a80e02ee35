"""The page of a competition's data, which `check --pictures` writes."""
