"""Changing a collection: one writer stages, and one commit publishes."""
