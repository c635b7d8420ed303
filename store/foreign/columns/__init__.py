"""Keys and labels: which columns or files hold them, and the text that each value becomes."""
