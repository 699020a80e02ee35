"""Files on disk: atomic writes, the run folder, and the records in it."""
