"""Tables of images: CSV, JSON and Parquet, and the metadata of a folder."""
