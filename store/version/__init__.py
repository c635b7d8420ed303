"""Reading one version of a collection: rows, keys, labels, vectors, and what lies behind them."""
