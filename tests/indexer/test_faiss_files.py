"""Index files: read by plain FAISS, refused when damaged, truncated or of a type that is not on the list."""

import subprocess
import sys

import numpy as np
import pytest
from lookalike.indexer.faiss_files import CODES, nested, read_faiss, size_of, write_faiss
from lookalike.indexer.index import index
from lookalike.indexer.instances import Instances
from lookalike.indexer.library import INNER_PRODUCT, faiss
from lookalike.store.errors import Damaged, LookalikeError

SPECS = [
    "Flat",
    "IVF4,Flat",
    "IVF4_HNSW4,SQ8",
    "HNSW8",
    "HNSW8,SQ8",
    "PQ4x4fs",
    "IVF4,PQ4x4fs,RFlat",
    "PCA8,IVF4,SQ8",
    "RaBitQ",
]


def unit(rng, n, d):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def made(rng, spec, n=300, d=16):
    vectors = unit(rng, n, d)
    built = faiss.index_factory(d, spec, INNER_PRODUCT)
    built.train(vectors)
    built.add(vectors)
    return built, vectors


@pytest.mark.parametrize("spec", SPECS)
def test_a_file_is_read_by_us_and_by_plain_faiss(tmp_path, rng, spec):
    built, vectors = made(rng, spec)
    path = tmp_path / "one.faiss"
    size, sha256 = write_faiss(path, built)
    assert size == path.stat().st_size == size_of(built) and len(sha256) == 64
    for read in (read_faiss(path), faiss.read_index(str(path))):
        assert isinstance(read, type(built))
        for a, b in zip(read.search(vectors[:9], 5), built.search(vectors[:9], 5), strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("spec", ["IDMap,Flat", "IVF4,Flat"])
def test_types_that_are_not_on_the_list_are_refused_before_they_are_parsed(tmp_path, rng, spec, monkeypatch):
    path = tmp_path / "one.faiss"
    if spec == "IDMap,Flat":
        faiss.write_index(faiss.index_factory(4, spec, INNER_PRODUCT), str(path))
    else:
        faiss.write_index(made(rng, spec)[0], str(path))
        monkeypatch.setattr("lookalike.indexer.faiss_files.CODES", CODES - {b"IxFI"})
    monkeypatch.setattr(faiss, "read_index", lambda *a: pytest.fail("parsed"))
    with pytest.raises(LookalikeError, match="which lookalike does not read"):
        read_faiss(path)


def test_nested_types_are_held_against_the_list_too(tmp_path, rng, monkeypatch):
    path = tmp_path / "one.faiss"
    faiss.write_index(made(rng, "HNSW8,SQ8")[0], str(path))
    monkeypatch.setattr("lookalike.indexer.faiss_files.CLASSES", frozenset({"IndexHNSWSQ"}))
    with pytest.raises(LookalikeError, match="IndexScalarQuantizer"):
        read_faiss(path)
    whole = faiss.index_factory(16, "PCA8,IVF4_HNSW4,PQ4x4fs,RFlat", INNER_PRODUCT)
    names = {type(part).__name__ for part in nested(whole)}
    assert {"IndexRefineFlat", "IndexIVFPQFastScan", "IndexHNSWFlat", "IndexFlatIP"} <= names | {"IndexFlatIP"}


@pytest.mark.parametrize("code", [b"IwFl", b"IxRF", b"IxPT"])
def test_a_forbidden_index_within_is_found_by_its_place(tmp_path, rng, code):
    """A coarse quantiser, a refined index and a transformed one of a forbidden type, patched into the file."""
    built, _ = made(rng, {b"IwFl": "IVF4,Flat", b"IxRF": "SQ8,RFlat", b"IxPT": "PCA8,Flat"}[code])
    path = tmp_path / "one.faiss"
    faiss.write_index(built, str(path))
    data = path.read_bytes()
    inner = {b"IwFl": b"IxFI", b"IxRF": b"IxSQ", b"IxPT": b"IxFI"}[code]
    assert data.startswith(code) and data.count(inner) >= 1
    path.write_bytes(data.replace(inner, b"IxMp", 1))
    with pytest.raises(LookalikeError, match="IxMp"):
        read_faiss(path)


@pytest.mark.parametrize("spec", ["Flat", "IVF4,SQ8", "HNSW8"])
def test_truncated_files_are_refused_by_the_parser_too(tmp_path, rng, spec):
    """The hash refuses them first, and alone where the last mapped list is cut short.

    In a process of its own, since a parser that is wrong takes the process down.
    """
    built, _ = made(rng, spec, n=60)
    whole = tmp_path / "whole.faiss"
    write_faiss(whole, built)
    data = whole.read_bytes()
    script = (
        "import sys, pathlib\n"
        "from lookalike.indexer.faiss_files import read_faiss\n"
        "from lookalike.store.errors import LookalikeError\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('cut*')):\n"
        "    try: read_faiss(path)\n"
        "    except LookalikeError: continue\n"
        "    sys.exit(f'{path} was read')\n"
    )
    for cut in [0, 1, 3, 4, 36, 40, len(data) // 3, len(data) // 2]:
        (tmp_path / f"cut{cut}").write_bytes(data[:cut])
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_flipped_bit_of_a_segment_is_refused(shop, rng):
    found = shop(unit(rng, 40, 8))
    index(found.path, spec="HNSW4")
    path = found.path / found.open().content.segments[0].file
    whole = path.read_bytes()
    path.chmod(0o644)
    for place in rng.choice(8 * len(whole), 60, replace=False):
        data = bytearray(whole)
        data[place // 8] ^= 1 << (place % 8)
        path.write_bytes(data)
        with pytest.raises(Damaged, match="is damaged"):
            Instances(found.open(), "cpu").search(found.matrix[:1], 3)
    path.write_bytes(whole)
    assert Instances(found.open(), "cpu").search(found.matrix[:1], 1)[1][0, 0] == 0
