"""Recipes: what decides a training, checked before anything is read."""
