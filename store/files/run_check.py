"""Whether a lookup table is safe to search: whoever made a collection also made the hashes that match its files.

Arrow trusts the offsets and dictionary codes of a mapped file; a table that points beyond its buffers crashes the
process, or returns other parts of its memory. So every table is checked once (see table_trial.py).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import Damaged

_COLUMNS = {
    "row": pa.int64(),
    "key": pa.large_string(),
    "label": pa.dictionary(pa.int32(), pa.large_string()),
    "source": pa.dictionary(pa.int32(), pa.large_string()),
    "file_size": pa.int64(),
    "file_mtime_ns": pa.int64(),
    "width": pa.int32(),
    "height": pa.int32(),
    "content": pa.binary(32),
    "key_hash": pa.uint64(),
    "key_at": pa.int32(),
    "content_hash": pa.uint64(),
    "content_at": pa.int32(),
}


def check_run(path: Path, batch: Any, contents: int) -> None:
    """Raise Damaged where the record batch of the table at `path`, with that many contents, cannot be trusted."""
    try:
        problem = _layout(batch) or _values(batch, contents)
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:  # also finds names that are not UTF-8
        problem = " ".join(str(error).split())[:200]
    if problem is not None:
        raise Damaged(f"{path} is not a lookup table: {problem}")


def _layout(batch: Any) -> str | None:
    """What is wrong with columns, buffers, offsets and dictionary codes."""
    types = dict(zip(batch.schema.names, batch.schema.types, strict=True))
    if len(types) != len(batch.schema.names) or types != _COLUMNS:
        odd = next((name for name in _COLUMNS if types.get(name) != _COLUMNS[name]), "another column")
        return f"its {odd} is {types.get(odd)}"
    batch.validate(full=True)
    for name in ("label", "source"):
        batch.column(name).dictionary.validate(full=True)
    nulls = [name for name in _COLUMNS if name != "label" and batch.column(name).null_count]
    if nulls or batch.column("label").dictionary.null_count or batch.column("source").dictionary.null_count:
        return f"its {nulls[0] if nulls else 'dictionary'} lacks values"
    return None


def _values(batch: Any, contents: int) -> str | None:
    """What is wrong with the order of rows and hashes, and with the positions that hashes name."""
    n = batch.num_rows
    if n == 0 or not 0 <= contents <= n:
        return f"it has {n} rows and {contents} contents"
    numbers = {
        name: batch.column(name).to_numpy() for name in ("row", "key_hash", "key_at", "content_hash", "content_at")
    }
    rows = numbers["row"]
    if rows[0] < 0 or (rows[1:] <= rows[:-1]).any():
        return "its rows do not ascend"
    for name, count in (("key", n), ("content", contents)):
        hashes, places = numbers[f"{name}_hash"][:count], numbers[f"{name}_at"][:count]
        if (hashes[1:] < hashes[:-1]).any():
            return f"its hashes of {name}s do not ascend"
        if places.min(initial=0) < 0 or places.max(initial=-1) >= n:
            return f"a hash of a {name} names a row that is not there"
    if np.bincount(numbers["key_at"], minlength=n).max() > 1:
        return "its hashes of keys name a row twice"
    return None
