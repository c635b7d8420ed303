"""`--where SQL`: which live rows meet a condition on their stored columns. The only module that imports DuckDB.

The condition sees key, label, width, height, source, the other stored facts and the source's extra columns, but no
file, no network and no extension: a condition is data, and data never runs code. `expressions` says what it may
contain, `limits` what it may use.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...checks import did_you_mean
from ...errors import LookalikeError
from ...files.escaped import escaped
from ...shown import shortened
from ..extra_names import asked_names
from ..tables import column_names, live_table
from .costs import batch_rows, in_batches
from .expressions import FRAME, MOST_TEXT, refused
from .limits import MEMORY, TIME, Limits, limits, within

if TYPE_CHECKING:
    from ..store import Store

# By these a condition reaches columns that it does not name: quoted names, places, the whole row.
_REACHES_ALL = ('"', "#", "images")
# Set in this order: the last line locks the others.
_SETTINGS = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}
_MOST_SHOWN = 200


def where(store: "Store", condition: str) -> NDArray[np.bool_]:
    """The live rows for which the SQL `condition` is true, (next_row,) bool.

    Raises LookalikeError where DuckDB is not installed, where the condition is not an expression over the collection's
    columns, and where it exceeds `limits`. An interrupt (Ctrl-C) stops it.
    """
    try:
        import duckdb
    except ImportError:
        raise LookalikeError("a where condition needs DuckDB: pip install 'lookalike[sql]'") from None
    stored = [name for name in column_names(store) if name != "vector"]
    columns, allowed = dict(zip(asked_names(stored), stored, strict=True)), limits()
    open_ones: list[Any] = []
    work = partial(_selected, store, duckdb, condition, columns, allowed, open_ones)
    try:
        rows = within(allowed.seconds, work, lambda: [connection.interrupt() for connection in open_ones])
    except TimeoutError:
        why = f"it took longer than {allowed.seconds:g} s, the limit that {TIME} sets"
        raise _refusal(condition, why, [*columns]) from None
    except (duckdb.Error, ValueError, MemoryError) as error:
        raise _refusal(condition, _reason(error, duckdb, allowed, [*columns]), [*columns]) from None
    mask = np.zeros(store.next_row, bool)
    mask[rows] = True
    return mask


def _refusal(condition: str, why: str, columns: list[str]) -> LookalikeError:
    shown_condition = repr(condition) if len(condition) <= _MOST_SHOWN else repr(shortened(condition, _MOST_SHOWN))
    end = "" if why.endswith("?") else ";"
    return LookalikeError(f"where {shown_condition}: {why}{end} columns are {', '.join(columns)}")


def _reason(error: Exception, duckdb: Any, allowed: Limits, columns: Sequence[str]) -> str:
    """What a failure means, in one line."""
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return f"it took more memory than {allowed.memory / 2**20:.0f} MiB, the limit that {MEMORY} sets"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    absent = re.match(r'Binder Error: Referenced column "(.*?)" (was )?not found', reason)
    if absent:
        return _absent(absent[1], columns)
    return reason + (
        "; a column of a CSV is text: write CAST(column AS DOUBLE) for a number" if "VARCHAR" in reason else ""
    )


def _absent(name: str, columns: Sequence[str]) -> str:
    """The message for a column that does not exist; it may also be a text without its quotes."""
    near = did_you_mean(name.lower(), columns)
    return f"there is no column {name!r}" + (near or f": if it is a text, put it in single quotes: label = '{name}'")


def _table(store: "Store", columns: dict[str, str], condition: str) -> Any:
    """The columns that a condition can mean, under their names in SQL (`columns` gives the stored ones)."""
    reached = _reached(condition, [*columns])
    table = live_table(store, [columns[name] for name in reached])
    return table.rename_columns(["row", *(name for name in reached if name != "row")])


def _reached(condition: str, columns: list[str]) -> list[str]:
    """The columns whose names occur in the text of the condition: it can use no others, and reading all is slower."""
    text = condition.casefold()
    if any(sign in text for sign in _REACHES_ALL):
        return columns
    return [name for name in columns if name.casefold() in text]


def _selected(
    store: "Store", duckdb: Any, condition: str, columns: dict[str, str], allowed: Limits, open_ones: list[Any]
) -> NDArray[np.int64]:
    """The selected rows.

    The connection, which is also put in `open_ones`, is opened and closed here, so that no other thread waits for it.
    """
    bounds = {"threads": allowed.threads, "memory_limit": f"{allowed.memory}B", "temp_directory": ""}
    text = escaped(condition)  # it is compared with text as it is stored
    if len(text) > MOST_TEXT:
        raise ValueError(f"it has {len(text):,} characters, and {MOST_TEXT:,} are allowed")
    with duckdb.connect(config=bounds) as connection:
        open_ones.append(connection)
        for name, value in _SETTINGS.items():
            connection.execute(f"SET {name} = {value}")
        duckdb.SQLExpression(text)  # by itself, so that it closes no parenthesis that it did not open
        parsed, plain = (_parsed(connection, FRAME.format(each)) for each in (text, "true"))
        if (why := refused(parsed, plain)) is not None:
            raise ValueError(why)
        table = _table(store, columns, text)
        connection.register("images", in_batches(table, batch_rows(parsed, table)))
        # Bound as one expression, so that it cannot bring clauses along: before DuckDB 1.5.6 a LIMIT could follow.
        expression = duckdb.SQLExpression(f"({text}\n)")
        return connection.table("images").filter(expression).project("row").fetchnumpy()["row"]


def _parsed(connection: Any, sql: str) -> str:
    """DuckDB's parse of a statement, as JSON."""
    return str(connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0])
