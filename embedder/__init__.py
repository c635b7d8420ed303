"""The only owner of torch: sources, decoding, training, encoding."""
