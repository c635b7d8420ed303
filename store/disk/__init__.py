"""Files and locks of the operating system: whole writes, checks before reading, and one writer at a time."""
