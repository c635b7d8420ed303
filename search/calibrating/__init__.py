"""Choosing and measuring thresholds on labelled images that the collection does not hold."""
