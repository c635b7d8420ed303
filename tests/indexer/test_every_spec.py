"""Every factory string that people use: built, committed, opened again and searched, or refused."""

import numpy as np
import pytest

from lookalike.indexer.engine import faiss_files
from lookalike.indexer.engine.library import INNER_PRODUCT, faiss
from lookalike.indexer.index import index
from lookalike.indexer.segments.instances import Instances
from lookalike.store.errors import LookalikeError

D, N = 16, 320

SERVED = """
Flat SQ8 SQ6 SQ4 SQfp16 SQbf16 PQ4 PQ4np PQ8 PQ4x4 PQ4x4fs PQ4x6 HNSW8 HNSW8,SQ8 HNSW8_SQ8 HNSW8,SQfp16 NSG8
NSG8,SQ8 RaBitQ RaBitQ4 RaBitQfs EDEN4 RQ2x4 RQ2x4fs LSQ2x4 PRQ2x2x4 PLSQ2x2x4 RQ2x6_Nfloat
IVF8,Flat IVF8,SQ8 IVF8,SQ4 IVF8,SQfp16 IVF8,PQ4 IVF8,PQ4np IVF8,PQ8 IVF8,PQ16 IVF8,PQ4x4 IVF8,PQ4x4fs IVF8,PQ4x4fsr
IVF8,PQ4x6 IVF8,PQ4x8 IVF8,RaBitQ IVF8,RaBitQfs IVF8,EDEN4 IVF8,RQ2x4 IVF8,LSQ2x4 IVF8,PRQ2x2x4
IVF8_HNSW8,Flat IVF8_HNSW8,PQ4x8 IVF8(HNSW8),SQ8 IVF8,FlatDedup IVF8,FlatPanorama4 IVF1,Flat
OPQ4,PQ4 OPQ4,IVF8,PQ4x8 OPQ4_8,IVF8,PQ4x8 OPQ4_8,IVF8_HNSW8,PQ4x8 OPQ4,IVF8,PQ4x4fs,RFlat
PCA8,Flat PCAR8,SQ8 PCA8,IVF8,PQ4x8 PCAR8,IVF8,SQ8 RR16,Flat ITQ16,Flat Pad32,Flat L2norm,Flat
SQ4,RFlat PQ4,RFlat IVF8,PQ4,RFlat IVF8,PQ4,Refine(SQ8) IVF8,SQ4,Refine(SQfp16) PQ4x4fs,Refine(SQ8) PQ4,Refine(PQ8)
IDMap,Flat IDMap2,Flat IVF8,PQ4,IDMap
"""
REFUSED = """
LSH LSHr ITQ16,LSH HNSW8_PQ4 HNSW8_2+PQ4 NSG8_PQ4 IMI2x4,Flat IMI2x8,PQ4 OPQ4,IMI2x4,PQ4 Residual2x4 IVF8,PQ4+4 AQ2x4
ZnLattice2x4 FlatPanorama4 HNSW8_FlatPanorama4 RCQ2x4 PQ4x12 IVF8,PQ4x12 IVF0,Flat IVF9000,Flat PQ3 PQ4x4fsr
CAGRA Nonsense
"""


def unit(rng, n, d=D):
    rows = rng.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("spec", SERVED.split())
def test_it_is_built_committed_opened_and_searched(shop, rng, spec):
    vectors = unit(rng, N)
    made = shop(vectors)
    card = index(made.path, spec=spec, recall=0.8, k=5)
    assert card.segments and card.rows == N
    instances = Instances(made.open(), "cpu")
    queries = unit(rng, 40)
    for asked in (queries, queries[:1]):
        made.check_own(asked, instances.search(asked, 5))
    made.check(queries, 5, instances.search(queries, 5, exact=True))
    expected, _ = made.oracle(queries, 5)
    agreement = (instances.search(queries, 5)[0] >= expected[:, -1:] - 1e-6).mean()
    assert agreement >= 0.6


@pytest.mark.parametrize("spec", REFUSED.split())
def test_it_is_refused_in_one_line_and_nothing_is_changed(shop, rng, spec):
    made = shop(unit(rng, N))
    before = {path for path in made.path.rglob("*") if path.is_file()}
    with pytest.raises(LookalikeError) as refused:
        index(made.path, spec=spec)
    text = str(refused.value)
    assert "\n" not in text and len(text) < 400 and not text.endswith("works") and repr(spec)[1:-1] in text
    assert made.open().version == 2
    assert {path for path in made.path.rglob("*") if path.is_file()} == before | {made.path / "lock"}


@pytest.mark.parametrize(
    "failure", [LookalikeError("no such luck"), RuntimeError("Error in f at a.cpp:1: no such luck")]
)
def test_an_index_that_cannot_be_opened_again_is_not_committed(shop, rng, monkeypatch, failure):
    made = shop(unit(rng, N), [f"c{i % 7}" for i in range(N)])

    def fail(path):
        raise failure

    monkeypatch.setattr(faiss_files, "read_faiss", fail)
    with pytest.raises(
        LookalikeError, match=r"'SQ8' makes an index that cannot be opened again.*no such luck.*use auto"
    ):
        index(made.path, spec="SQ8")
    assert made.open().version == 2 and not list(made.path.rglob("*.faiss"))


def test_an_index_that_answers_otherwise_once_it_is_read_is_not_committed(shop, rng, monkeypatch):
    made, other = shop(unit(rng, N)), faiss.index_factory(D, "SQ8", INNER_PRODUCT)
    other.train(unit(rng, N))
    other.add(unit(rng, N))
    monkeypatch.setattr(faiss_files, "read_faiss", lambda path: other)
    with pytest.raises(LookalikeError, match="other answers after it is read back"):
        index(made.path, spec="SQ8")
    assert made.open().version == 2
