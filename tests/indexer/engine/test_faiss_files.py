"""Index files: read by plain FAISS, refused when damaged, truncated or of a type that is not on the list."""

import subprocess
import sys

import numpy as np
import pytest

from lookalike.indexer.engine.faiss_files import read_faiss, size_of, write_faiss
from lookalike.indexer.engine.kinds import CODES, KINDS, nested
from lookalike.indexer.engine.library import INNER_PRODUCT, faiss
from lookalike.indexer.engine.specs import validated
from lookalike.indexer.index import index
from lookalike.indexer.segments.instances import Instances
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
    "RQ2x4fs",
    "LSQ2x4fs",
    "PRQ2x2x4fs",
    "PLSQ2x2x4fs",
    "IVF4,RQ2x4fs",
    "IVF4,LSQ2x4fs",
    "IVF4,PRQ2x2x4fs",
    "IVF4,PLSQ2x2x4fs",
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


_CODES = """
Flat SQ4 SQ6 SQ8 SQfp16 SQbf16 SQ8_direct PQ4 PQ4x4 PQ4x4fs RQ2x4 RQ2x4fs LSQ2x4 LSQ2x4fs PRQ2x2x4 PRQ2x2x4fs
PLSQ2x2x4 PLSQ2x2x4fs EDEN4 RaBitQ RaBitQ4 RaBitQfs RaBitQfs4
"""
_OTHERS = """
HNSW8 HNSW8,SQ8 HNSW8_PQ4 HNSW8_2+PQ4 NSG8 NSG8,SQ8 IVF4,FlatDedup IVF4,FlatPanorama4 IVF4,PQ4x4fsr IVF4_HNSW4,Flat
IVF4(SQ8),Flat IVF4(IVF2,Flat),Flat IVF4(RCQ2x2),Flat PCA8,IVF4,PQ4x4fs,RFlat OPQ4,PQ4 RR16,Flat Pad32,Flat L2norm,Flat
ITQ8,Flat LSH IVF4,PQ4+4 SQ4,Refine(SQ8) SQ4,Refine(PCA8,Flat) SQ4,Refine(IDMap,Flat) SQ4,Refine(RQ2x4fs)
"""
REFUSED = ["HNSW8_PQ4", "HNSW8_2+PQ4", "LSH", "IVF4,PQ4+4", "IVF4(RCQ2x2),Flat"]
REFUSED += ["SQ4,Refine(IDMap,Flat)", "SQ4,Refine(RQ2x4fs)"]
EVERY = _OTHERS.split() + [lists + code for lists in ("", "IVF4,") for code in _CODES.split()]


def accepted(spec):
    try:
        return validated(spec, 16) == spec
    except LookalikeError:
        return False


@pytest.mark.parametrize("spec", EVERY)
def test_what_is_accepted_can_be_read_once_it_is_written(tmp_path, rng, spec):
    if not accepted(spec):
        assert spec in REFUSED
        return
    built, _ = made(rng, spec, n=600)
    path = tmp_path / "one.faiss"
    write_faiss(path, built)
    read = read_faiss(path)
    assert path.read_bytes()[:4] in KINDS[type(read).__name__] and read.ntotal == 600


@pytest.mark.parametrize(
    "spec",
    ["IVF4,Flat,Refine(IVF4,Flat)", "SQ4,Refine(PQ4x4fs)", "SQ4,Refine(NSG8)", "IVF4(SQ4,Refine(IVF2,Flat)),Flat"],
)
def test_refining_by_what_would_end_the_process_is_refused(tmp_path, rng, spec):
    with pytest.raises(LookalikeError, match=r"refines by Index\w+, which cannot compare with single rows"):
        validated(spec, 16)
    if "(SQ4" not in spec:
        write_faiss(tmp_path / "one.faiss", made(rng, spec)[0])
        with pytest.raises(LookalikeError, match="refines by"):
            read_faiss(tmp_path / "one.faiss")


@pytest.mark.parametrize("spec", ["IDMap,Flat", "IVF4,Flat"])
def test_types_that_are_not_on_the_list_are_refused_before_they_are_parsed(tmp_path, rng, spec, monkeypatch):
    path = tmp_path / "one.faiss"
    if spec == "IDMap,Flat":
        faiss.write_index(faiss.index_factory(4, spec, INNER_PRODUCT), str(path))
    else:
        faiss.write_index(made(rng, spec)[0], str(path))
        monkeypatch.setattr("lookalike.indexer.engine.faiss_files.CODES", CODES - {b"IxFI"})
    monkeypatch.setattr(faiss, "read_index", lambda *a: pytest.fail("parsed"))
    with pytest.raises(LookalikeError, match="which lookalike does not support"):
        read_faiss(path)


def test_nested_types_are_held_against_the_list_too(tmp_path, rng, monkeypatch):
    path = tmp_path / "one.faiss"
    faiss.write_index(made(rng, "HNSW8,SQ8")[0], str(path))
    monkeypatch.setattr("lookalike.indexer.engine.kinds.CLASSES", frozenset({"IndexHNSWSQ"}))
    with pytest.raises(LookalikeError, match="IndexScalarQuantizer"):
        read_faiss(path)
    whole = faiss.index_factory(16, "PCA8,IVF4_HNSW4,PQ4x4fs,RFlat", INNER_PRODUCT)
    names = {type(part).__name__ for part in nested(whole)}
    assert {"IndexRefineFlat", "IndexIVFPQFastScan", "IndexHNSWFlat", "IndexFlatIP"} <= names | {"IndexFlatIP"}


@pytest.mark.parametrize("code", [b"IwFl", b"IVRf", b"NPRf", b"IxRF", b"IxPT"])
def test_a_forbidden_index_within_is_found_by_its_place(tmp_path, rng, code):
    """A coarse quantiser, a refined index and a transformed one of a forbidden type, patched into the file."""
    lists = {b"IwFl": "IVF4,Flat", b"IVRf": "IVF4,RQ2x4fs", b"NPRf": "IVF4,PRQ2x2x4fs"}
    built, _ = made(rng, {**lists, b"IxRF": "SQ8,RFlat", b"IxPT": "PCA8,Flat"}[code])
    path = tmp_path / "one.faiss"
    faiss.write_index(built, str(path))
    data = path.read_bytes()
    inner = b"IxSQ" if code == b"IxRF" else b"IxFI"
    assert data.startswith(code) and data.count(inner) >= 1
    path.write_bytes(data.replace(inner, b"IxMp", 1))
    with pytest.raises(LookalikeError, match="IxMp"):
        read_faiss(path)


@pytest.mark.parametrize("spec", ["Flat", "IVF4,SQ8", "HNSW8", "RQ2x4fs", "PLSQ2x2x4fs", "IVF4,LSQ2x4fs"])
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
        "from lookalike.indexer.engine.faiss_files import read_faiss\n"
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
