"""The only room that uses FAISS: device choice, segments and prototypes."""
