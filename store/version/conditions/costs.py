"""What a `where` condition costs per row, since DuckDB cannot be stopped in the middle of a row.

DuckDB checks whether it was stopped between two batches of rows (before version 2, between two groups of fifty
batches), and counts neither time nor memory within a batch. So the more a condition does per row, the smaller its
batches are. Functions whose cost grows with the square of a text's length are refused where the texts, as stored and as
joined in the condition, are long.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .expressions import quoted, words

_BATCH = 2048  # rows of a batch of DuckDB's own
_STEPS = 1e7  # comparisons of characters within a batch: some 10 ms
_VALUES = 1e5  # values of columns within a batch
_SQUARE = words("levenshtein editdist3 damerau_levenshtein jaro_similarity jaro_winkler_similarity")
_LINEAR = words("""
jaccard hamming mismatches regexp_matches regexp_full_match regexp_extract regexp_extract_all string_split_regex
str_split_regex regexp_split_to_array ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape not_ilike_escape
factorial
""")
_MOST = {**dict.fromkeys(_SQUARE, 10_000), **dict.fromkeys(_LINEAR, 1_000_000)}
_NUMBER = 40  # characters of a number, a date or a truth value as text


def batch_rows(parsed: str, table: Any) -> int:
    """How many rows of an Arrow table a batch may have, for a condition parsed as for `conditions.refused`.

    Raises ValueError, with the reason in words, where a single row may take extremely long.
    """
    rows = min(_BATCH, _VALUES / max(1, parsed.count('"class":"COLUMN_REF"')))
    if any(f'"function_name":"{name}"' in parsed for name in _MOST):
        lengths = {name.casefold(): _longest(table.column(name)) for name in table.column_names}
        steps = sum(_steps(name, *_length(node, lengths)) for name, node in _calls(json.loads(parsed)))
        rows = min(rows, _STEPS / max(1, steps))
    return max(1, int(rows))


def _steps(name: str, stored: int, given: int) -> int:
    """How many comparisons a call makes, for stored and given texts. Raises ValueError for texts that are too long."""
    if (length := stored + given) > _MOST[name]:
        raise ValueError(
            f"{name}() takes texts of {_MOST[name]:,} characters in all, and here they have up to {length:,}"
        )
    return (length // 2) ** 2 if name in _SQUARE else stored * max(1, given)


def _calls(tree: Any) -> Iterator[tuple[str, Any]]:
    """The name and node of each function that takes long."""
    for node in _nodes(tree):
        if node.get("class") == "FUNCTION" and (name := str(node["function_name"]).lower()) in _MOST:
            yield name, node


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
        stack += [*node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []


def _length(tree: Any, lengths: Mapping[str, int]) -> tuple[int, int]:
    """The most characters that a function receives in all: from columns and from quoted texts."""
    stored, given, whole = 0, 0, sum(lengths.values())
    for node in _nodes(tree):
        if node.get("class") == "COLUMN_REF":
            stored += lengths.get(str(node["column_names"][-1]).casefold(), whole)
        elif node.get("class") == "POSITIONAL_REFERENCE":
            stored += max(lengths.values(), default=0)
        else:
            given += len(quoted(node) or "")
    return stored, given


def _longest(column: Any) -> int:
    """The most bytes that a value of a column has as text."""
    if pa.types.is_nested(column.type):
        return int(column.nbytes)
    try:
        return int(pc.max(pc.binary_length(column)).as_py() or 0)
    except pa.ArrowException:
        return _NUMBER


def in_batches(table: Any, rows: int) -> Any:
    """The table in batches of at most that many rows."""
    if rows >= _BATCH:
        return table
    return pa.Table.from_batches(table.to_batches(max_chunksize=rows), table.schema)
