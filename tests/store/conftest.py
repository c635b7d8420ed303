"""What the tests of the store share: random unit rows, and parts' rows made of them."""

import numpy as np
import pytest

from lookalike.store.changing.writer import Writer, writing
from lookalike.store.disk.publish import publish
from lookalike.store.files.content import CalibrationEntry, FileEntry, HeadEntry, PrototypeEntry, SegmentEntry
from lookalike.store.files.parts import Rows, lookup_columns, write_part
from lookalike.store.upkeep.compact import compact
from lookalike.store.version.rejects import Reject, write_rejects
from lookalike.store.version.store import Store


@pytest.fixture
def units():
    """units(n, d, seed=0): random unit rows."""

    def make(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
        rows = np.random.default_rng(seed).standard_normal((n, d))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def part_rows(units):
    """part_rows(keys, labels=None, contents=None, source="s"): the rows of a part with vectors of 8 dimensions."""

    def make(keys, labels=None, contents=None, source="s", d=8, seed=0, extra=None) -> Rows:
        none = [None] * len(keys)
        numbers = list(range(len(keys)))
        return Rows(
            keys,
            units(len(keys), d, seed),
            labels or none,
            contents or none,
            numbers,
            none,
            source,
            numbers,
            none,
            extra,
        )

    return make


@pytest.fixture
def grow(part_rows):
    """grow(writer, keys, labels=None, **rows): add a part with these keys to what the writer stages; its Rows."""

    def add(writer: Writer, keys, labels=None, seed=None, model=None, **rows) -> Rows:
        made = part_rows(list(keys), labels, seed=writer.next_row if seed is None else seed, **rows)
        writer.add_part(write_part(writer.path, made, model), lookup_columns(made))
        return made

    return add


@pytest.fixture
def shop(tmp_path, grow):
    """A collection of every kind of file: versions, a model, rejects, deleted rows, a row map, thresholds, a head."""
    with Store.create(tmp_path / "shop") as empty, writing(empty) as writer:
        writer.set_model("d" * 64, 8, "fp32", {"encoder.json": b'{"recipe": 1}', "encoder.safetensors": b"weights"})
        contents = [*(c * 64 for c in "1234"), None, None]
        grow(writer, "abcdef", [*list("xyxyx"), None], contents=contents, model="d" * 64)
        writer.add_rejects(write_rejects(writer.path, "s", [Reject("bad.jpg", "decode", "truncated", None)]))
        writer.commit()
        writer.delete(np.array([1, 3]))
        writer.commit()
        compact(writer)
        writer.commit()
        grow(writer, "ghij", list("xxzz"), source="t")
        writer.delete(np.array([0]))
        files = {n: FileEntry(n, *publish(writer.path / n, n.encode())) for n in ("prototypes/p", "prototypes/i.faiss")}
        writer.set_prototypes(PrototypeEntry(*files.values(), "Flat", 6, None, 2))
        segment = publish(writer.path / "instances/s.faiss", b"segment")
        writer.set_segments((SegmentEntry("instances/s.faiss", *segment, "Flat", 0, 6, None, {}, {}),))
        calibration = publish(writer.path / "thresholds/c.json", b"{}")
        writer.add_calibration(CalibrationEntry("thresholds/c.json", *calibration, "knn", 4, "d" * 64))
        head = publish(writer.path / "heads/h.parquet", b"head")
        writer.set_head(HeadEntry("heads/h.parquet", *head, 6, None, 3, "d" * 64, 2))
        writer.commit()
    return tmp_path / "shop"
