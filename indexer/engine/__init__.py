"""Everything that uses FAISS directly: its types, parameters, files, devices and threads."""
