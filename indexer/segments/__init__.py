"""The index over instances: segments, what is exact beside them, and how they are built and tuned."""
