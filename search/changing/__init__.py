"""What changes a collection: rows that come and go, and the index that follows them."""
