"""Keys and labels: which columns or files hold them, and how each value becomes text."""
