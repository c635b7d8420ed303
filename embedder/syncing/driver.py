"""The driver's side of a sync: cuts the work into fragments, takes in their results in order, commits, counts."""

import time
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.changing.writer import Writer
from ...store.codec import from_plain
from ...store.files.content import PartEntry, RejectEntry
from ...store.files.escaped import escaped
from ...store.files.parts import read_part
from ...store.files.runs import COLUMNS
from ...store.progress import Progress
from ...store.version.rejects import Reject, read_rejects, write_rejects
from .extra_columns import names_in
from .plan import Plan, Wanted, judged

COMMIT_SECONDS = 3.0
_FRAGMENT = 2048
_FIRST = 128  # records of a fragment while nobody knows how long one takes
_LEAST, _LEAST_SECONDS = 32, 0.5  # one more fragment costs some hundredths of a second
_FRAGMENT_SECONDS = 4.0
_REJECTS = 50_000
_TOUCHED = 50_000


class Sync:
    """One run of `embed` under way.

    counts: seen, embedded, skipped, duplicates, rejected, removed. reasons: how many were rejected, by reason. timeout:
    seconds that decoding an image may take.
    """

    def __init__(
        self, writer: Writer, wanted: Wanted, planned: Plan, progress: Progress, timeout: float | None = None
    ) -> None:
        self.timeout = timeout
        self.writer, self.wanted, self.planned = writer, wanted, planned
        self.counts = dict.fromkeys(("seen", "embedded", "skipped", "duplicates", "rejected", "removed"), 0)
        self.reasons: Counter[str] = Counter()
        self._progress = progress
        self._rejects: list[Reject] = []
        self._reject_entries: list[RejectEntry] = []
        self._staged: set[str] = set()  # contents of rows that are not committed yet
        self._gone: set[int] = set()
        self._touched = array("q")  # row, size and mtime of files that only looked changed, one after the other
        self._waiting = 0  # how many of them are left from the last time they were noted
        self._rate = 0.0
        self._taken = 0
        self._committed = time.monotonic()

    def payloads(self, model: dict[str, str], workers: int) -> Iterator[dict[str, Any]]:
        """What is to do, in fragments of a few seconds; the last ones are small, so that all workers end together."""
        if not self.planned.work:  # listing the source once more would find nothing either
            self.counts["seen"] = self.counts["skipped"] = self.planned.seen
            return
        source = self.wanted.source
        types = source.extra_types
        common: dict[str, Any] = {"model": model, "source": source.describe(), "name": source.name}
        common |= {"extra_types": types, "extra_names": names_in(self.writer.base, types)}  # for the whole run
        common["timeout"] = self.timeout
        records: list[list[Any]] = []
        given = 0
        for record, row, to_do in judged(self.writer.base, self.wanted):
            self.counts["seen"] += 1
            self.counts["skipped"] += not to_do
            if to_do:
                records.append([*record, row])
            if len(records) >= self._size(self.planned.work - given, workers):
                given += len(records)
                yield {**common, "version": self.writer.base.version, "records": records}
                records = []
        if records:
            yield {**common, "version": self.writer.base.version, "records": records}

    def _size(self, left: int, workers: int) -> int:
        """How many records the next fragment takes."""
        size = self._rate * _FRAGMENT_SECONDS if self._rate else _FIRST
        least = self._rate * _LEAST_SECONDS if self._rate else _LEAST
        if workers > 1:
            size = min(size, left / (4 * workers))
        return int(min(_FRAGMENT, max(size, min(_LEAST, least), 1)))

    def take(self, result: dict[str, Any]) -> None:
        """Stage a fragment's result; commit where the last commit is some seconds ago."""
        for piece in result.get("many", [result]):
            self._take(piece)
        if time.monotonic() - self._committed >= COMMIT_SECONDS:
            self._commit()
        self._progress(self._taken, self.planned.work, f"{self.counts['rejected']} rejected")

    def _take(self, result: dict[str, Any]) -> None:
        if result["part"] is not None:
            self._stage(result)
        for name in ("embedded", "skipped", "duplicates"):
            self.counts[name] += result[name]
        self.counts["rejected"] += len(result["rejects"])
        self.counts["removed"] += len(result["dropped"])
        self._delete(np.array(result["replaced"] + result["dropped"], dtype=np.int64))
        self._touched.extend(number for file in result["touched"] for number in file)
        self.reasons.update(reason for _, _, reason, _ in result["rejects"])
        self._note_rejects([Reject(*fields) for fields in result["rejects"]])
        if result["seconds"] > 0:
            self._rate = result["records"] / result["seconds"]
        self._taken += result["records"]

    def _stage(self, result: dict[str, Any]) -> None:
        """Add the part, and count as duplicates the contents that another worker was encoding at the same time."""
        entry = from_plain(PartEntry, result["part"], "a fragment's result")
        table = read_part(Path(self.writer.path) / entry.file, list(COLUMNS))
        contents = table.column("content_sha256").to_pylist()
        encoded = [contents[at] for at in result["encoded"]]
        known = self.writer.base.find_contents(encoded).tolist()
        again = sum(
            content in self._staged or (row >= 0 and row not in self._gone)
            for content, row in zip(encoded, known, strict=True)
        )
        result["embedded"] -= again
        result["duplicates"] += again
        self._staged.update(contents)
        self.writer.add_part(entry, table)

    def _delete(self, rows: NDArray[np.int64]) -> None:
        self._gone.update(rows.tolist())
        self.writer.delete(rows)

    def _note_rejects(self, rejects: list[Reject]) -> None:
        self._rejects += rejects
        if len(self._rejects) >= _REJECTS:
            self._publish_rejects()

    def _publish_rejects(self) -> None:
        if self._rejects:
            entry = write_rejects(self.writer.path, self.wanted.source.name, self._rejects)
            self._reject_entries.append(entry)
            self._rejects = []

    def _commit(self) -> None:
        if len(self._touched) // 3 - self._waiting >= _TOUCHED:  # a sync that is cut off need not read them again
            self._note_touched()
        self.writer.commit()
        self._staged.clear()
        self._gone.clear()
        self._committed = time.monotonic()

    def _note_touched(self) -> None:
        """Note files that only looked changed; those for which it is not worth it yet wait for more."""
        files = np.frombuffer(self._touched, dtype=np.int64).reshape(-1, 3)
        noted = self.writer.note_files(*files.T)
        self._touched = array("q", files[~noted].tobytes())
        self._waiting = len(self._touched) // 3

    def finish(self) -> None:
        """Prune, note files that were touched, list this run's rejects in place of the former ones, and commit."""
        vanished = self.planned.vanished
        vanished = vanished[self.writer.base.live(vanished) & ~np.isin(vanished, list(self._gone))]
        self._delete(vanished)
        self.counts["removed"] += len(vanished)
        self._note_touched()
        if not self._same_rejects():
            self._publish_rejects()
            self.writer.drop_rejects(self.wanted.source.name)
            for entry in self._reject_entries:
                self.writer.add_rejects(entry)
        self._commit()

    def _same_rejects(self) -> bool:
        """Whether the collection lists just these already: a run that changes nothing makes no new version."""
        name = self.wanted.source.name
        listed = sum(entry.rows for entry in self.writer.content.rejects if entry.source == name)
        if self._reject_entries or listed != len(self._rejects):
            return False
        table = read_rejects(self.writer.base)
        table = table.filter(pc.equal(table.column("source"), escaped(name))).drop_columns("source")
        ours = [(escaped(r.key), r.stage, r.reason, r.content_sha256) for r in self._rejects]
        return list(zip(*table.to_pydict().values(), strict=True)) == ours
