"""Linear heads on frozen embeddings: fitted, stored with a collection, kept up to date."""
