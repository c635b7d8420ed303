"""Pictures behind rows and queries, and contact sheets of them."""
