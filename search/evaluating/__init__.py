"""Measuring: a labelled source against the collection, and recall against latency."""
