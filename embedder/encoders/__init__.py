"""Trained networks: their files, loading them, and encoding with them."""
