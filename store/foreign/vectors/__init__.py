"""Files of vectors, one format per module."""
