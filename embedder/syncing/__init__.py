"""Embedding a source into a collection: plan, fragments, rows, commits."""
