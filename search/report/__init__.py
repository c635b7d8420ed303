"""`lookalike report`: the figures of a collection on one HTML page; a figure a file, matplotlib in `drawing` alone."""
