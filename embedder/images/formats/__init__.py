"""What each file format asks for before, or instead of, Pillow's own decoder."""
