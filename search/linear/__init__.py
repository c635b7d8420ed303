"""Linear heads on frozen embeddings: how they are fitted, stored with a collection and kept up to date."""
