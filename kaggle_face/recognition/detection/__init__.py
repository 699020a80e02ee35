"""Faces found and aligned in photographs."""
