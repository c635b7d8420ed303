"""The pictures of rows and queries, and contact sheets of them."""
