"""TIFF: directories, palettes, samples and strips, read without trust."""
