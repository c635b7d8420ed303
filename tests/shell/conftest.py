"""The collection of every kind of file that the tests of store/ have, for commands that look after it."""

from ..store.conftest import grow, part_rows, shop, units

__all__ = ["grow", "part_rows", "shop", "units"]
