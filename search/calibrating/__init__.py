"""Choosing and measuring thresholds on labelled images that the collection has not seen."""
