"""Files that other tools wrote, read without trust and in blocks."""
