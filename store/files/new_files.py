"""New files of a collection: bytes under a random name that no file has, and tables as the bytes of a Parquet file."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..disk.publish import publish
from .content import FileEntry


def random_name(folder: str, ending: str) -> str:
    """A new name for a file of a collection, such as "vectors/0123456789abcdef.parquet"."""
    return f"{folder}/{secrets.token_hex(8)}{ending}"


def publish_new(
    collection: Path, folder: str, ending: str, content: Callable[[BinaryIO], Any] | bytes | memoryview
) -> FileEntry:
    """Publish a file under a random name in a folder of the collection, and return its entry.

    content: the bytes, or a function that writes them to the file object it is called with. Raises LookalikeError where
    the system fails; then nothing is left behind.
    """
    name = random_name(folder, ending)
    return FileEntry(name, *publish(Path(collection) / name, content))


def publish_array(collection: Path, folder: str, ending: str, array: np.ndarray) -> FileEntry:
    """Publish an array under a new random name (n,) of numbers in NumPy's format, without pickled objects."""
    return publish_new(collection, folder, ending, lambda file: np.save(file, array, allow_pickle=False))


def parquet_bytes(table: Any, **options: Any) -> memoryview:
    """The bytes of an Arrow table as a Parquet file; options: those of `pyarrow.parquet.write_table`."""
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, **options)
    return memoryview(stream.getvalue())
