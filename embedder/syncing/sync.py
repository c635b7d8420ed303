"""`embed`: bring a collection up to date with a source of images, however often it runs and is interrupted.

It plans first and applies afterwards: the whole source is compared with the collection before any work. Then fragments
of new and changed records run in an engine, and only the driver commits, in the order of the fragments, every few
seconds. The next run skips what was committed, so running again repairs an interruption.

Only processes that encode load torch, which takes seconds: this process for a small job, otherwise only the workers,
which load it as soon as the source is listed.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...store.changing.counts import EmbedResult
from ...store.changing.fresh import opened_or_made
from ...store.changing.writer import Writer, writing
from ...store.errors import LookalikeError, TooManyRejects
from ...store.files.manifest import versions
from ...store.progress import Progress, silent
from ...store.version.store import Store
from ...store.work import engine as engines
from ...store.work import heartbeat
from ...store.work.cores import cores
from ...store.work.fragments import fragments
from ..encoders.models import Offered, model_folder
from ..images.processes.process import start_early
from ..sources import Source, SourceOptions
from ..sources.options import patterns
from .driver import Sync
from .isolation import Isolation
from .notes import notes
from .plan import Plan, Wanted, plan
from .uses import use_of
from .vanished import Prune, check_choice, opened

_SMALL = 2000
"""Fewer new images than this are embedded in this process, because starting others would take longer."""
_WORK, _TRIAL = (f"lookalike.embedder.syncing.fragment:{name}" for name in ("embed_fragment", "load_model"))
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc maps a large block anew each time and returns it at once, and a decoded photograph is one: a sixth of the time
# went into page faults. Other C libraries do not read these.
_KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}
WORKER_ENV = {**_ONE_THREAD, **_KEPT_MEMORY}
"""The environment of a worker, set before any library loads."""


def embed(
    path: str | os.PathLike[str],
    source_text: str,
    *,
    model: str | os.PathLike[str] | None = None,
    prefix: str = "",
    prune: Prune = False,
    checksum: bool = False,
    max_rejects: float | None = None,
    workers: int | None = None,
    engine: str = "local",
    device: str = "auto",
    exclude: str | Sequence[str] = (),
    labels: bool = True,
    follow_links: bool = False,
    image_column: str | None = None,
    label_column: str | None = None,
    timeout: float | None = None,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda sentence: None,
) -> EmbedResult:
    """Embed what is new or changed in a source, and return the counts of `lookalike embed`.

    model: a model's folder or "pretrained"; the collection's own where None. prefix: put before every key as it is.
    prune: delete rows of this source (under this prefix) that it no longer has, where at least half of them is still
    there; "all": in any case. checksum: compare contents, not sizes and mtimes. max_rejects: the share of rejected
    images beyond which TooManyRejects is raised, after everything else was committed. workers: processes; None: this
    one for a small job, else one for each core. device: "auto", "cpu" or "gpu", where every one of them encodes.
    exclude to label_column: see SourceOptions. timeout: seconds that decoding an image may take before it is rejected
    (what LOOKALIKE_TIMEOUT says, or 60). say: called with sentences for people, such as how many files are gone.
    Returns seen = embedded + skipped + rejected + duplicates, ignored, removed, seconds. A changed image, label or
    further column is a new row, counted as embedded (a changed image with a known content: as a duplicate); what is no
    image any more loses its row, and counts as rejected and as removed.
    LookalikeError before any work, with no new collection left behind: no model, another model, a key of another
    source, a source that cannot be used, no GPU where one is asked for.
    """
    started = time.monotonic()
    check_choice(prune)
    seconds = heartbeat.checked(timeout)
    env = {**WORKER_ENV, heartbeat.VARIABLE: f"{seconds:g}"}
    options = SourceOptions(patterns(exclude), labels, follow_links, image_column, label_column)
    wanted = Wanted(opened(path, source_text, options, prune), prefix, checksum)
    _check_device(device)
    offered = None if model is None else Offered(model)
    if offered is None and not versions(Path(path)):
        raise LookalikeError(f"{path} has no model yet: give --model FOLDER (from `lookalike train`), or pretrained")
    with opened_or_made(path) as store, writing(store) as writer:
        _check_model(writer.base, offered)
        planned = plan(writer.base, wanted, prune=prune, progress=progress)
        count = _workers(planned, workers)
        if count == 1 and planned.work:
            start_early()  # while torch loads
        writer.note_use(use_of(wanted.source, prefix))
        poison = Isolation(engine, env)
        with (
            _kept_here(wanted.source, count),
            engines.opened(count, engine, env=env, poison=poison, work=_WORK) as perform,
        ):
            if offered is not None and writer.base.model is None:
                _set_model(writer, offered, perform, device)
            sync = Sync(writer, wanted, planned, progress, seconds)
            for result in perform(fragments(sync.payloads(_model(writer, device), count), str(path), _WORK)):
                sync.take(result)
        sync.finish()
    for sentence in notes(sync.writer.base, wanted.source, planned, sync.reasons):
        say(sentence)
    done = EmbedResult(**sync.counts, ignored=wanted.source.ignored, seconds=time.monotonic() - started)
    _check_rejects(done, max_rejects)
    return done


def _check_device(device: str) -> None:
    """Refuse an unknown or missing device; only a GPU has to be looked for."""
    if device not in ("auto", "cpu"):
        from ..encoders.hardware import torch_device

        torch_device(device)


def _check_model(store: Store, offered: Offered | None) -> None:
    """Refuse a model that could not be committed, before the source is listed."""
    if offered is None and store.model is None:
        what = "vectors that were imported without a model" if store.rows else "no model yet"
        raise LookalikeError(f"{store.path} has {what}: give --model FOLDER (from `lookalike train`), or pretrained")
    if offered is not None and store.model is not None and store.model.digest != offered.digest:
        raise LookalikeError(
            f"{store.path} has vectors of model {store.model.digest}, not of model {offered.digest}: use the model of "
            "the collection, or another collection"
        )


def _set_model(writer: Writer, offered: Offered, perform: engines.Perform, device: str) -> None:
    """Commit the model after a process that encodes has loaded it and chosen its precision."""
    trial = {"model": offered.name, "digest": offered.digest, "device": device}
    (loaded,) = perform(fragments([trial], str(writer.path), _TRIAL))
    writer.set_model(offered.digest, offered.dim, loaded["precision"], {**offered.files})
    writer.commit()


@contextmanager
def _kept_here(source: Source, count: int) -> Iterator[None]:
    """Where this process works alone, let its fragments use the open source; let go of it and of the model after."""
    if count > 1:
        yield
        return
    from . import fragment

    fragment.keep(source)
    try:
        yield
    finally:
        fragment.let_go()


def _model(writer: Writer, device: str) -> dict[str, str]:
    """What a fragment needs to load the collection's model, its files' hashes checked."""
    held = writer.base.model
    if held is None:
        raise LookalikeError(f"{writer.path} has no model")
    folder = str(model_folder(writer.base, held))
    return {"folder": folder, "digest": held.digest, "precision": held.precision, "device": device}


def _workers(planned: Plan, workers: int | None) -> int:
    """How many processes to use: not more than there are images."""
    if workers is None:
        return 1 if planned.work < _SMALL else cores()
    return max(1, min(workers, planned.work))


def _check_rejects(done: EmbedResult, most: float | None) -> None:
    if most is not None and done.rejected > most * done.seen:
        raise TooManyRejects(
            f"{done.rejected} of {done.seen} images were rejected, which is more than the share of {most:g} that "
            "--max-rejects allows; the others are embedded, and `lookalike rejects` lists the reasons",
            done,
        )
