"""Recipes: everything that determines a training, checked before any image is read."""
