"""`--where SQL`: which live rows meet a condition on their stored columns, by DuckDB; the only file that imports it.

The condition sees key, label, width, height, source, the other stored facts and the source's extra columns, but
no file, no network and no extension: a condition is data, and data never runs code.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import LookalikeError
from .escaped import escaped
from .extra_names import asked_names
from .tables import column_names

if TYPE_CHECKING:
    from .store import Store

# By these a condition reaches columns that it does not name: quoted names, places, patterns, subqueries.
_REACHES_ALL = ('"', "#", "*", "columns", "images", "from")
# Set in this order: the last line locks the others.
_SETTINGS = {"enable_external_access": "false", "autoload_known_extensions": "false", "lock_configuration": "true"}


def where(store: "Store", condition: str) -> NDArray[np.bool_]:
    """(next_row,) bool: the live rows of which the SQL `condition` is true.

    LookalikeError: DuckDB is not installed, or the condition is not SQL over the collection's columns.
    """
    try:
        import duckdb
    except ImportError:
        raise LookalikeError("a where condition needs DuckDB: pip install 'lookalike[sql]'") from None
    stored = [name for name in column_names(store) if name != "vector"]
    columns = asked_names(stored)
    mask = np.zeros(store.next_row, bool)
    with duckdb.connect() as connection:
        connection.register("images", _table(store, dict(zip(columns, stored, strict=True)), escaped(condition)))
        for name, value in _SETTINGS.items():
            connection.execute(f"SET {name} = {value}")
        try:
            mask[_selected(connection, duckdb, condition)] = True
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            number = "; a column of a CSV is text, CAST(it AS DOUBLE) a number" if "VARCHAR" in reason else ""
            raise LookalikeError(f"where {condition!r}: {reason}{number}; columns are {', '.join(columns)}") from None
    return mask


def _table(store: "Store", columns: dict[str, str], condition: str) -> Any:
    """The columns that a condition can mean, under their names in SQL (`columns` gives the stored ones)."""
    reached = _reached(condition, [*columns])
    table = store.table([columns[name] for name in reached])
    return table.rename_columns(["row", *(name for name in reached if name != "row")])


def _reached(condition: str, columns: list[str]) -> list[str]:
    """The columns that the condition can mean, since reading all takes longer: those whose name occurs in its text."""
    text = condition.casefold()
    if any(sign in text for sign in _REACHES_ALL):
        return columns
    return [name for name in columns if name.casefold() in text]


def _selected(connection: Any, duckdb: Any, condition: str) -> NDArray[np.int64]:
    """The rows selected; the text is bound as one expression, so that it cannot bring clauses or statements along."""
    text = escaped(condition)  # it is compared with text as it is stored
    duckdb.SQLExpression(text)  # by itself, so that it closes no parenthesis that it did not open
    expression = duckdb.SQLExpression(f"({text}\n)")  # in one, since before DuckDB 1.5.6 a LIMIT could follow
    return connection.table("images").filter(expression).project("row").fetchnumpy()["row"]
