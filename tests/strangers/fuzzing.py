"""A process that edits files of a collection, with fitting hashes, and asks the collection everything after each edit.

`python -m lookalike.tests.strangers.fuzzing SHOP SEED EDITS KIND...`

Prints, for each kind, how many edits were answered and how many refused in one line; exit 1 for any other end.
"""

import os
import resource
import signal
import sys
import warnings
from pathlib import Path

import numpy as np

from lookalike import Collection, LookalikeError
from lookalike.store.files.manifest import manifest_path, newest_version
from lookalike.store.foreign import table_trial
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.export import export
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info, live_table
from lookalike.store.work.fragments import resolve
from lookalike.tests.strangers import edits
from lookalike.tests.strangers.forging import forge

SECONDS, MEMORY = 30, 3 << 30
MOST_HELD = 1 << 30  # bytes that a process may ever hold while it asks
KINDS = {
    "part": (lambda c: c.parts[0].file, (edits.raw, edits.table)),
    "rejects": (lambda c: c.rejects[0].file, (edits.raw, edits.table)),
    "prototypes": (lambda c: c.prototypes.table.file, (edits.raw, edits.table)),
    "head": (lambda c: c.head.file, (edits.raw, edits.table)),
    "deleted": (lambda c: c.deleted.file, (edits.raw, edits.array)),
    "row map": (lambda c: c.parts[0].row_map.file, (edits.raw, edits.array)),
    "calibration": (lambda c: c.calibrations[0].file, (edits.raw, edits.document, edits.document)),
    "lookups": (lambda c: c.runs[0].file, (edits.raw,)),
}


def ask(shop: Path) -> None:
    """Everything that a collection of vectors answers."""
    with Store.open(shop) as store:
        info(store)
        rows = store.live_rows()
        live_table(store), store.keys(rows), store.labels(rows), store.facts(rows), store.gather(rows)
        store.find(["k1", "no"]), store.find_contents(["00" * 32, "ab" * 32])
        read_rejects(store)
        export(store, shop.parent / "export.parquet")
        queries = store.gather(rows[:3])
    with Collection.open(shop) as made:
        scores = [made.search(queries, k=5, exact=exact).scores for exact in (False, True)]
        if not all(np.isfinite(each).all() and np.abs(each).max() <= 1 for each in scores):
            raise AssertionError(f"scores {scores}")
        for by in ("prototype", "knn", "linear"):
            list(made.classify(queries, by=by)), str(made.classify(queries, by=by))
    list(verify(shop))


def outcome(work) -> str:
    """How a forked child ends that does `work`: "answered", "refused: ...", or what should not be."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writing, _said(work).encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        said = file.read().decode(errors="replace")
    status = os.waitpid(child, 0)[1]
    return f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else said


def _said(work) -> str:
    try:
        found = work()
        said = "answered" if found is None else f"refused: {found}"
    except LookalikeError as error:
        said = f"refused: {error}"
    except BaseException as error:
        import traceback

        return f"{type(error).__name__}: {error} {traceback.format_exc()}"
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if held > MOST_HELD:
        return f"it held {held} bytes, and {said}"
    return said if "\n" not in said else f"more than a line: {said}"


def quickly(work, asked, memory, seconds) -> tuple[int, str | None]:
    """What limited.come_through says, by forks, which cost less than new processes."""
    for done, arguments in enumerate(asked):
        said = outcome(lambda arguments=arguments: resolve(work)(*arguments))
        if said != "answered":
            return done, said.removeprefix("refused: ")[:300].replace("\n", " ")
    return len(asked), None


def main(shop: str, seed: str, count: str, *kinds: str) -> None:
    """Edit and ask."""
    warnings.simplefilter("ignore")
    table_trial.come_through = quickly
    folder, rng = Path(shop), np.random.default_rng(int(seed))
    manifest = manifest_path(folder, newest_version(folder))
    sealed = manifest.read_bytes()
    if (said := outcome(lambda: ask(folder))) != "answered":
        sys.exit(f"unedited: {said}")
    for kind in kinds:
        file_of, ways = KINDS[kind]
        with Store.open(folder) as store:
            name = file_of(store.content)
        whole, counts = (folder / name).read_bytes(), {"answered": 0, "refused": 0}
        for number in range(int(count)):
            forge(folder, name, ways[number % len(ways)](whole, rng))
            said = outcome(lambda: ask(folder))
            if said != "answered" and not said.startswith("refused: "):
                sys.exit(f"edit {number} of {kind}: {said}")
            counts[said.split(":")[0]] += 1
        forge(folder, name, whole)
        manifest.write_bytes(sealed)
        print(kind, counts["answered"], counts["refused"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
