"""Looking after a collection: compacting, merging, collecting garbage, verifying."""
