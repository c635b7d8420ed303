"""Files that other tools wrote, read in blocks and without trust."""
