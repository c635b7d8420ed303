"""What is written to the terminal, and opened beside it."""
