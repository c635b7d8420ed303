"""Tries index files of strangers in a child process before this process reads them.

FAISS trusts the files that it parses, so a file that this user's lookalike has neither written nor tried before is
first read, checked and searched in a child (see store/work/limited.py). Files that pass are remembered by their
SHA-256, beside the cache of checked files; `index` notes the files that it wrote itself. The same bytes then behave the
same here: the child checks (structure.py) everything that could lead a later search astray.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...store.disk.checked import note, noted
from ...store.errors import Damaged
from ...store.files.content import FileEntry
from ...store.version.store import Store
from ...store.work.limited import come_through
from ..segments.segment import Segment
from . import parameters as knobs
from .faiss_files import read_faiss
from .library import faiss, short
from .specs import empty_index
from .structure import misplaced, structure

SECONDS, BYTES_A_SECOND = 60, 4 << 20  # how long a file may take
MEMORY = 4 << 30  # address space beyond 8 times the file


class File(NamedTuple):
    """An index file whose hash is right, with what its manifest says of it.

    dim: the dimension of the collection's vectors.
    """

    path: Path
    sha256: str
    spec: str
    dim: int

    @classmethod
    def of(cls, store: Store, entry: FileEntry, spec: str) -> "File":
        """The file of `entry`, with its bytes checked."""
        return cls(store.file(entry), entry.sha256, spec, store.dim or 0)


def ensure_tried(files: Sequence[File]) -> None:
    """Raise Damaged for the first file that a child process could not read and search; remember the others."""
    new = [file for file in files if not noted(file.sha256, _mark(file))]
    while new:
        done, problem = _tried(new)
        for file in new[:done]:
            note_sound(file)
        if problem is not None:
            raise Damaged(
                f"{new[done].path} is not an index that can be searched ({problem}): "
                "run `lookalike index --compact` to build it again"
            )
        new = new[done:]


def unreadable(file: File) -> str | None:
    """The problem of an index file, tried in a child process even if it is remembered; None if there is none."""
    return _tried([file])[1]


def note_sound(file: File) -> None:
    """Remember that a file was tried, or that this process wrote it."""
    note(file.sha256, _mark(file))


def _mark(file: File) -> str:
    return f"tried-1 {faiss.__version__} {file.dim}"


def _tried(files: Sequence[File]) -> tuple[int, str | None]:
    """How many files a child read without a problem, one after the other, and the problem of the next."""
    sizes = [file.path.stat().st_size for file in files]
    seconds = SECONDS * len(files) + sum(sizes) // BYTES_A_SECOND
    arguments = [[str(file.path), file.spec, file.dim] for file in files]
    return come_through(f"{__name__}:problem", arguments, MEMORY + 8 * max(sizes), seconds)


def problem(path: str | Path, spec: str, dim: int) -> str | None:
    """The problem of an index file, in one line; None if there is none. May crash the process."""
    path = Path(path)
    try:
        index = read_faiss(path)
        fresh, numbers = structure(empty_index(spec, dim)), structure(index)
        odd = sorted(name for name in fresh.keys() | numbers.keys() if fresh.get(name) != numbers.get(name))
        if odd:
            return f"its {odd[0]} is {numbers.get(odd[0])}, and that of a {spec} is {fresh.get(odd[0])}"
        for wrong in misplaced(index):
            return wrong
        _search(index, dim)
    except Exception as error:  # whatever the bytes make FAISS or NumPy do
        return short(error).replace(str(path), "the file") or type(error).__name__
    return None


def _search(index: Any, dim: int) -> None:
    """Search with the least and with the largest parameters, among all rows and half of them."""
    n, rng = int(index.ntotal), np.random.default_rng(0)
    rows = rng.standard_normal((9, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if n == 0:
        return
    most = knobs.knobs(index)
    for values in ({name: min(knobs.least(name), value) for name, value in most.items()}, most):
        segment = Segment(index, lambda ids: np.resize(rows, (len(ids), dim)), values)
        for queries in (rows, rows[:1]):
            segment.search(queries, min(10, n))
            segment.search(queries, min(10, n), np.arange(n) % 2 == 0)
