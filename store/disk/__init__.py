"""Files and locks of the operating system: written whole, checked before they are read, one writer at a time."""
