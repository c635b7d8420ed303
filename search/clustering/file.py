"""The cluster of each image as a file with the columns `key`, `cluster` (-1 is noise) and, if wanted, `path`."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...store.disk.replace import check_replaceable, replace_file
from ...store.errors import LookalikeError
from ...store.files.escaped import escaped_array
from ...store.files.new_files import parquet_bytes
from .clusters import Clusters


def check_cluster_file(path: Path) -> None:
    """Raise LookalikeError, before any work, for a name without .csv or .parquet, or a file that cannot be written."""
    if path.suffix.lower() not in _CONTENTS:
        raise LookalikeError(f"cannot write clusters to {path}: its name must end in {' or '.join(_CONTENTS)}")
    check_replaceable(path)


def write_cluster_file(path: Path, clusters: Clusters, paths: Sequence[str | None] | None = None) -> None:
    """Write one line per image, in the order of rows, replacing an older file of that name.

    paths: the file of each image for a column `path`, empty or null if there is none. Bytes that are not UTF-8 are
    written as the collection stores them ("%uDCFF").
    """
    check_cluster_file(path)
    columns = {"key": escaped_array(clusters.keys()), "cluster": pa.array(clusters.codes)}
    if paths is not None:
        columns["path"] = escaped_array(paths)
    replace_file(path, _CONTENTS[path.suffix.lower()](pa.table(columns)))


def _csv(table: Any) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return text.getvalue().encode()


def _parquet(table: Any) -> bytes:
    return parquet_bytes(table).tobytes()


_CONTENTS = {".csv": _csv, ".parquet": _parquet}
