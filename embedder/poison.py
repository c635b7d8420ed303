"""A fragment that fails every time: find the images that do it, reject those, and embed the others.

A decoder that crashes takes its whole worker along, so the pieces run in processes of their own, ever smaller ones.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ..store import engine as engines
from ..store.fragments import Fragment

_PIECES = 16
_STAGE = "encode"


def isolated(fragment: Fragment, reason: str, engine: str, env: Mapping[str, str]) -> dict[str, Any] | None:
    """Results that stand in for the failed fragment's, below "many"; None where every one of its images fails.

    Nothing is rejected then: what fails with every image is no image's fault.
    """
    records = fragment["payload"]["records"]
    if len(records) == 1:
        return _rejected(records[0][0], reason)
    size = -(-len(records) // _PIECES)
    pieces = [_piece(fragment, records[start : start + size]) for start in range(0, len(records), size)]
    results: list[dict[str, Any]] = []

    def again(piece: Fragment, why: str) -> dict[str, Any] | None:
        return isolated(piece, why, engine, env) or _all_rejected(piece, why)

    with closing(engines.run(pieces, 2, engine, env=env, poison=again)) as outcomes:
        for outcome in outcomes:
            results += outcome.get("many", [outcome])
    return None if all(result.get("poisoned") for result in results) else {"many": results}


def _piece(fragment: Fragment, records: list[Any]) -> Fragment:
    return Fragment(
        number=fragment["number"],
        collection=fragment["collection"],
        work=fragment["work"],
        payload={**fragment["payload"], "records": records},
    )


def _all_rejected(fragment: Fragment, reason: str) -> dict[str, Any]:
    return {"many": [_rejected(record[0], reason) for record in fragment["payload"]["records"]]}


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
        "records": 1,
        "seconds": 0.0,
        "poisoned": True,
    }
