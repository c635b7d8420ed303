"""What adds rows to a collection, which is made where there is none; a long unindexed tail becomes a segment.

The shell and the Python face both call this, so that a wrong source or model is refused before anything is created.
"""

import warnings
from pathlib import Path
from typing import Any

from ...store import checks
from ...store.changing.counts import EmbedResult, ImportResult
from ...store.changing.ingest import import_vectors
from ...store.disk.regular import check_all_regular
from ...store.errors import LookalikeError, LookalikeWarning, TooManyRejects
from ...store.progress import Progress, silent
from ...store.version.store import Store


def embed(path: Path, source: str, *, device: str = "auto", **options: Any) -> EmbedResult:
    """Sync the collection at `path` with a source of images; options and result as `Collection.embed`."""
    from ..images import embed as sync

    if options.get("max_rejects") is not None:
        checks.share("max_rejects", options["max_rejects"])
    try:
        done = sync(path, source, device=device, **options)
    except TooManyRejects:  # all other images are committed
        grow(path, device, options.get("progress", silent))
        raise
    grow(path, device, options.get("progress", silent))
    return done


def import_file(path: Path, vectors: Path, *, device: str = "auto", **options: Any) -> ImportResult:
    """Sync the collection at `path` with a file of vectors; options and result as `Collection.import_vectors`."""
    check_all_regular(vectors, options.get("keys"), options.get("labels"))
    done = import_vectors(path, vectors, **options)
    grow(path, device, options.get("progress", silent))
    return done


def grow(path: Path, device: str, progress: Progress = silent) -> None:
    """Make a long tail of rows a segment, where the collection has an index.

    The rows are committed before. If this is interrupted or fails, they are searched exactly.
    """
    with Store.open(path) as store:
        indexed = store.content.index is not None
    if indexed:  # faiss is not loaded before
        from ...indexer.index import grow as make_segment

        try:
            make_segment(path, device=device, progress=lambda n, of, what: progress(n, of, f"index: {what}"))
        except LookalikeError as error:  # the rows are committed, and the tail is searched exactly
            warnings.warn(f"the new rows are not indexed yet: {error}", LookalikeWarning, stacklevel=2)
