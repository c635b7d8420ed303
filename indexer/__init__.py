"""The only owner of faiss: device choice, segments, prototypes."""
