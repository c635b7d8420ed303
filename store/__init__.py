"""The ground floor: what a collection is made of. numpy and pyarrow only; no torch, no faiss."""
