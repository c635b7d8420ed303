"""How the work of a sync is cut into fragments."""

import pytest

from lookalike.embedder.sources import open_source
from lookalike.embedder.syncing.driver import Sync
from lookalike.embedder.syncing.plan import Wanted, plan
from lookalike.store.changing.writer import writing
from lookalike.store.progress import silent
from lookalike.store.version.store import Store

ROWS = 2000


@pytest.fixture
def sizes(tmp_path):
    """sizes(workers): how many records each fragment takes of a table of ROWS rows, 10,000 of which take a second."""
    (tmp_path / "t.csv").write_text("path\n" + "".join(f"{number}.png\n" for number in range(ROWS)))
    wanted = Wanted(open_source(tmp_path / "t.csv"))

    def cut(workers):
        with writing(Store.open_or_create(tmp_path / "shop")) as writer:
            sync = Sync(writer, wanted, plan(writer.base, wanted, prune=False, progress=silent), silent)
            sync._rate = 10_000.0
            pieces = [[fields[0] for fields in each["records"]] for each in sync.payloads({}, workers)]
        assert [key for piece in pieces for key in piece] == [f"{number}.png" for number in range(ROWS)]
        return [len(piece) for piece in pieces]

    return cut


def test_one_worker_takes_as_much_as_some_seconds_allow(sizes):
    assert sizes(1) == [ROWS]


@pytest.mark.parametrize("workers", [2, 5])
def test_fragments_get_smaller_so_that_all_workers_end_together(sizes, workers):
    left = ROWS
    for size in sizes(workers):
        assert size <= max(32, left / (4 * workers))
        left -= size
    assert left == 0
