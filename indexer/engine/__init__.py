"""All that touches FAISS itself: its types, parameters, files, devices and threads."""
