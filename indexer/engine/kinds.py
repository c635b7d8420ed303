"""The FAISS index types that lookalike builds, writes and reads, in one list.

Each class is listed with the type codes that its files start with. Left out are on-disk lists and ID maps, which name
other files or have their own ids; binary and lattice indexes, which hold no unit rows; and types that only support L2.
"""

from collections.abc import Iterator
from typing import Any

from ...store.errors import LookalikeError
from .library import faiss

_KINDS = """
IndexFlat IxFl
IndexFlatIP IxFI
IndexFlatL2 IxF2
IndexScalarQuantizer IxSQ
IndexPQ IxPq IxPo
IndexPQFastScan IPfs
IndexResidualQuantizer IxRq
IndexResidualQuantizerFastScan IRfs
IndexLocalSearchQuantizer IxLS
IndexLocalSearchQuantizerFastScan ILfs
IndexProductResidualQuantizer IxPR
IndexProductResidualQuantizerFastScan IPRf
IndexProductLocalSearchQuantizer IxPL
IndexProductLocalSearchQuantizerFastScan IPLf
IndexEDEN IxEe
IndexRaBitQ Ixrq Ixrr
IndexRaBitQFastScan Irfn
IndexHNSWFlat IHNf
IndexHNSWSQ IHNs
IndexHNSWPQ IHNp
IndexNSGFlat INSf
IndexNSGSQ INSs
IndexNSGPQ INSp
IndexIVFFlat IwFl
IndexIVFFlatDedup IwFd
IndexIVFFlatPanorama IwP2 IwPn
IndexIVFScalarQuantizer IwSq IwSQ
IndexIVFPQ IwPQ
IndexIVFPQFastScan IwPf
IndexIVFResidualQuantizer IwRQ
IndexIVFResidualQuantizerFastScan IVRf
IndexIVFLocalSearchQuantizer IwLS
IndexIVFLocalSearchQuantizerFastScan IVLf
IndexIVFProductResidualQuantizer IwPR
IndexIVFProductResidualQuantizerFastScan NPRf
IndexIVFProductLocalSearchQuantizer IwPL
IndexIVFProductLocalSearchQuantizerFastScan NPLf
IndexIVFEDEN IwEe
IndexIVFRaBitQ Iwrq Iwrr
IndexIVFRaBitQFastScan Iwrn
IndexPreTransform IxPT
IndexRefine IxRF
IndexRefineFlat IxRF
"""
KINDS = {name: frozenset(code.encode() for code in codes) for name, *codes in map(str.split, _KINDS.split("\n")[1:-1])}
CLASSES = frozenset(KINDS)
CODES = frozenset().union(*KINDS.values())
WITH_LISTS = frozenset().union(*(codes for name, codes in KINDS.items() if name.startswith("IndexIVF")))


def refuse_unlisted(index: Any, what: str) -> None:
    """Raise LookalikeError where `index`, called `what`, or an index inside it is not on the list."""
    for part in nested(index):
        if (name := type(part).__name__) not in CLASSES:
            raise LookalikeError(f"{what} holds an index {name}, which lookalike does not support: use auto, or Flat")
        if isinstance(part, faiss.IndexRefine):
            _refuse_refining_by(own_class(part.refine_index), what)


def _refuse_refining_by(index: Any, what: str) -> None:
    """Refuse an index without distances to single rows: FAISS requests them in its threads, and crashes."""
    try:
        index.get_distance_computer()
    except RuntimeError:
        raise LookalikeError(
            f"{what} refines by {type(index).__name__}, which cannot compare with single rows: "
            "use RFlat, or Refine(SQ8)"
        ) from None


def own_class(index: Any) -> Any:
    """A view of `index` as its own class, valid while `index` lives.

    Never bind it to the name that holds the index: when its last owner is gone, FAISS frees the index under the view.
    """
    return faiss.downcast_index(index)


def nested(index: Any) -> Iterator[Any]:
    """`index` and all indexes inside it, each as its own class."""
    view = own_class(index)
    yield view
    for name in ("quantizer", "base_index", "refine_index", "index", "storage"):
        inner = getattr(view, name, None)
        if isinstance(inner, faiss.Index):
            yield from nested(inner)
