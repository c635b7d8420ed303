"""`embed`: bring a collection up to date with a source of images, however often it runs and wherever it was cut off.

Plan first, apply after: the whole source is held against the collection before any work; then fragments of new and
changed records run through an engine, and the driver alone commits, in fragment order, every few seconds. What was
committed is skipped by the next run, so that running again is the repair.
"""

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ..store import engine as engines
from ..store.errors import LookalikeError, TooManyRejects
from ..store.fragments import fragments
from ..store.manifest import versions
from ..store.progress import Progress, silent
from ..store.store import Store
from ..store.writer import Writer
from . import fragment as fragment_work
from .driver import Sync
from .encoder import Encoder
from .hardware import torch_device
from .plan import Plan, Wanted, plan
from .poison import Isolation
from .sources import open_source

_SMALL = 2000
"""Fewer new images than this are embedded in this process: starting others would take longer."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def embed(
    path: str | os.PathLike[str],
    source_text: str,
    *,
    model: str | os.PathLike[str] | None = None,
    prefix: str = "",
    prune: bool = False,
    checksum: bool = False,
    max_rejects: float | None = None,
    workers: int | None = None,
    engine: str = "local",
    device: str = "auto",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Embed what is new or changed in a source, and return the counts of `lookalike embed`.

    model: a model's folder or "pretrained"; the collection's own where None. prefix: put before every key as it is.
    prune: delete rows of this source (under this prefix) that it no longer has. checksum: compare contents, not sizes
    and mtimes. max_rejects: the share of rejected images beyond which TooManyRejects is raised, after everything else
    was committed. workers: processes; None: this one for a small job, else one for each core. device: "auto", "cpu" or
    "gpu", where every one of them encodes.
    Returns seen = embedded + skipped + rejected + duplicates, ignored, removed, seconds. A changed image is a new row;
    one that is no image any more loses its row, and counts as rejected and as removed.
    LookalikeError before any work: no model, another model, a key of another source, a source that cannot be used, no
    GPU where one is asked for.
    """
    started = time.monotonic()
    wanted = Wanted(open_source(source_text), prefix, checksum)
    torch_device(device)
    encoder = None if model is None else Encoder.load(os.fspath(model), device=device)
    if encoder is None and not versions(Path(path)):
        raise LookalikeError(f"{path} has no model yet: give --model FOLDER (from `lookalike train`) or pretrained")
    with Store.open_or_create(path).write() as writer:
        _check_model(writer.base, encoder)
        planned = plan(writer.base, wanted, prune=prune, progress=progress)
        if encoder is not None:
            writer.set_model(encoder.digest, encoder.dim, encoder.precision, encoder.files())
            writer.commit()
        sync = Sync(writer, wanted, planned, progress)
        _apply(sync, encoder, workers, engine, device)
        sync.finish()
    done = {**sync.counts, "ignored": wanted.source.ignored, "seconds": time.monotonic() - started}
    _check_rejects(done, max_rejects)
    return done


def _check_model(store: Store, encoder: Encoder | None) -> None:
    """Refuse, before the source is listed, what could not be committed."""
    if encoder is None and store.model is None:
        what = "vectors that came without a model" if store.rows else "no model yet"
        raise LookalikeError(f"{store.path} has {what}: give --model FOLDER (from `lookalike train`) or pretrained")
    if encoder is not None and store.model is not None and store.model.digest != encoder.digest:
        raise LookalikeError(
            f"{store.path} holds vectors of model {store.model.digest}, not of model {encoder.digest}: use the model "
            "it was made with, or another collection"
        )


def _apply(sync: Sync, encoder: Encoder | None, workers: int | None, engine: str, device: str) -> None:
    """Run the fragments and take in their results, committing every few seconds."""
    writer, source = sync.writer, sync.wanted.source
    count = _workers(sync.planned, workers)
    model = _model(writer, device)
    if count <= 1:
        fragment_work.keep(model, encoder if encoder is not None and _same(encoder, writer) else None, source)
    payloads = sync.payloads(model, count)
    work = fragments(payloads, str(writer.path), fragment_work.WORK)
    poison = Isolation(engine, _ONE_THREAD)
    try:
        with closing(engines.run(work, count, engine, env=_ONE_THREAD, poison=poison)) as results:
            for result in results:
                sync.take(result)
    finally:
        fragment_work.let_go()


def _same(encoder: Encoder, writer: Writer) -> bool:
    """Whether the collection computes in this encoder's precision; it keeps that of its first images."""
    return writer.base.model is not None and writer.base.model.precision == encoder.precision


def _model(writer: Writer, device: str) -> dict[str, str]:
    """What a fragment needs to load the collection's model, its files' hashes checked."""
    held = writer.base.model
    if held is None:
        raise LookalikeError(f"{writer.path} has no model")
    folders = {str(writer.base.file(entry).parent) for entry in held.files}
    return {"folder": folders.pop(), "digest": held.digest, "precision": held.precision, "device": device}


def _workers(planned: Plan, workers: int | None) -> int:
    if workers is not None:
        return workers
    return 1 if planned.work < _SMALL else cores()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_rejects(done: dict[str, Any], most: float | None) -> None:
    if most is not None and done["rejected"] > most * done["seen"]:
        raise TooManyRejects(
            f"{done['rejected']} of {done['seen']} images were rejected, more than the share {most:g} that "
            "--max-rejects allows; the others are embedded, and `rejects` in the collection says why",
            done,
        )
