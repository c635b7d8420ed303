"""k-NN: queries read into vectors, the nearest stored rows, and the hits that are answered."""
