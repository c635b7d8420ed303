"""Reading one version of a collection: rows, keys, labels, vectors, and the files behind them."""
