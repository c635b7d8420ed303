"""Maintenance of a collection: compacting, merging, collecting garbage and verifying."""
