"""The index over classes: prototypes as exact sums, windows and anchors, and their file."""
