"""Engines and processes: where bulk work runs, and how it ends."""
