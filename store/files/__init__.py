"""One file format of a collection per module: what it holds, how it is written and read."""
