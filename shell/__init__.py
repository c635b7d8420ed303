"""The shell: every command; the only room that imports click and rich."""
