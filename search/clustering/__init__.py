"""Grouping images that look alike, whatever their labels."""
