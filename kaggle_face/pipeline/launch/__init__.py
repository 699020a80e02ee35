"""Trainings that are started as several processes, here or by a scheduler."""
