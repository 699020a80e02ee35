"""Files and folders: atomic writes, locks, typed reading, and the states of a disk."""
