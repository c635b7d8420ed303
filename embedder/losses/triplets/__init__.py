"""Triplets: which of a batch are looked at, and by what margin."""
