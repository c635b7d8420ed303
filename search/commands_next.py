"""Shell: what comes after a command that filled or indexed a collection, named on stderr."""

from contextlib import suppress

from ..store.errors import LookalikeError
from ..store.shell import say_next
from ..store.store import Store

_LARGE = 20_000
"""Rows from which on an index is worth its time: below, comparing with every row takes milliseconds."""


def next_of_rows(collection: str) -> None:
    """Name what comes after rows were added: an index where they are many and have none, else a search."""
    with suppress(LookalikeError), Store.open(collection) as store:  # the rows are in: this is a hint, no more
        if store.rows >= _LARGE and store.content.index is None:
            say_next("index", collection)
        elif store.rows:
            next_of_search(collection)


def next_of_search(collection: str) -> None:
    """Name the search: with an image where a model can take one in, else with a key."""
    with suppress(LookalikeError), Store.open(collection) as store:
        say_next("search", collection, "KEY" if store.model is None else "IMAGE")
