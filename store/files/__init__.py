"""The file formats of a collection, one per module: what each holds, and how it is written and read."""
