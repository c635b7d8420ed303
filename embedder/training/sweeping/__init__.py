"""Sweeps: one recipe trained with varied settings, and where the gain stops."""
