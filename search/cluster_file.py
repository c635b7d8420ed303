"""Which image is in which cluster, written to a file: the columns `key` and `cluster`, -1 for noise."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..store.errors import LookalikeError
from ..store.escaped import escaped, escaped_array
from ..store.replace import check_replaceable, replace_file
from .clusters import Clusters


def check_cluster_file(path: Path) -> None:
    """LookalikeError, before any work, for a name that does not end in .csv or .parquet, or cannot be written to."""
    if path.suffix not in _CONTENTS:
        raise LookalikeError(f"cannot write clusters to {path}: its name must end in {' or '.join(_CONTENTS)}")
    check_replaceable(path)


def write_cluster_file(path: Path, clusters: Clusters) -> None:
    """Write a line for each image, in the order of rows; an older file of that name is replaced.

    Bytes of a key that are not UTF-8 are written as the collection stores them ("%uDCFF").
    """
    check_cluster_file(path)
    replace_file(path, _CONTENTS[path.suffix](clusters))


def _csv(clusters: Clusters) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("key", "cluster"))
    writer.writerows(zip(map(escaped, clusters.keys()), clusters.codes.tolist(), strict=True))
    return text.getvalue().encode()


def _parquet(clusters: Clusters) -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table({"key": escaped_array(clusters.keys()), "cluster": pa.array(clusters.codes)}), stream)
    data: bytes = stream.getvalue().to_pybytes()
    return data


_CONTENTS = {".csv": _csv, ".parquet": _parquet}
