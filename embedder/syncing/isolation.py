"""A fragment that fails every time: find the images that do it, reject those, and embed the others.

A decoder that crashes takes its whole worker along, so the pieces run in processes of their own, ever smaller ones.
Where nothing but failures comes of it, no image is to blame, and the run ends with the reason.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ...store.errors import LookalikeError
from ...store.work import engine as engines
from ...store.work.fragments import Fragment

_PIECES = 16
_STAGE = "encode"
_MOST_FAILURES = 64
_MOST_FAILURES_ALONE = 12  # while nothing has worked: three per deadly image are usual, eight where all of a piece are


class Isolation:
    """Called by an engine as poison(fragment, reason); gives results that stand in, below "many"."""

    def __init__(self, engine: str, env: Mapping[str, str]) -> None:
        self._engine, self._env = engine, env
        self._failures = self._successes = 0

    def __call__(self, fragment: Fragment, reason: str) -> dict[str, Any] | None:
        """Embed what can be of a fragment that failed. Raises LookalikeError if most of them fail.

        None for a fragment without images, which nothing can stand in for.
        """
        if "records" not in fragment["payload"]:
            return None
        self._failures += 1
        if self._failures > (_MOST_FAILURES if self._successes else _MOST_FAILURES_ALONE):
            raise LookalikeError(
                f"embedding keeps failing, {'also' if self._successes else 'even'} in small pieces; the last "
                f"failure: {reason}"
            )
        records = fragment["payload"]["records"]
        if len(records) == 1:
            return _rejected(records[0][0], reason)
        size = -(-len(records) // _PIECES)
        pieces = [_piece(fragment, records[start : start + size]) for start in range(0, len(records), size)]
        results: list[dict[str, Any]] = []
        with closing(engines.run(pieces, 2, self._engine, env=self._env, poison=self)) as outcomes:
            for outcome in outcomes:
                results += outcome.get("many", [outcome])
                self._successes += "poisoned" not in outcome and "many" not in outcome
        if not self._successes:
            raise LookalikeError(f"embedding fails for every image; the last failure: {reason}")
        return {"many": results}


def _piece(fragment: Fragment, records: list[Any]) -> Fragment:
    return Fragment(
        number=fragment["number"],
        collection=fragment["collection"],
        work=fragment["work"],
        payload={**fragment["payload"], "records": records},
    )


def _rejected(key: str, reason: str) -> dict[str, Any]:
    """The result of a fragment of one record that cannot be embedded."""
    return {
        "part": None,
        "encoded": [],
        "embedded": 0,
        "skipped": 0,
        "duplicates": 0,
        "rejects": [[key, _STAGE, f"its worker failed: {reason}"[:120], None]],
        "replaced": [],
        "dropped": [],
        "touched": [],
        "records": 1,
        "seconds": 0.0,
        "poisoned": True,
    }
