"""What people should know of a source besides the counts: what was skipped, what is gone, and which option helps."""

from collections.abc import Mapping

from ...store.files.escaped import escaped
from ...store.version.extra_names import renamed_words
from ...store.version.store import Store
from ..sources import Source
from ..sources.files import LINK_OUT, LINK_TO_FOLDER
from .extra_columns import names_in
from .plan import Plan

_FEW = 5


def notes(store: Store, source: Source, planned: Plan, reasons: Mapping[str, int]) -> list[str]:
    """Sentences for people after a sync of `store`; reasons: how many images were rejected, by reason."""
    gone = [] if planned.note is None else [planned.note]
    return source.notes() + (_column_notes(store, source) if planned.work else []) + gone + link_notes(reasons)


def _column_notes(store: Store, source: Source) -> list[str]:
    """Which columns of the source have other names in the collection."""
    types = source.extra_types
    note = renamed_words([escaped(name) for name in types], names_in(store, types))
    return [] if note is None else [note]


def link_notes(reasons: Mapping[str, int]) -> list[str]:
    """What to say of links that were not followed."""
    count = reasons.get(LINK_OUT, 0) + reasons.get(LINK_TO_FOLDER, 0)
    if not count:
        return []
    if count == 1:
        return ["1 link out of the source or to a folder was not followed: --follow-links follows it"]
    return [f"{count:,} links out of the source or to folders were not followed: --follow-links follows them"]


def in_words(reasons: Mapping[str, int]) -> str:
    """The reasons why images were rejected, each with its number, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda each: -each[1])
    more = f" and {len(ordered) - _FEW} further reasons" if len(ordered) > _FEW else ""
    return ", ".join(f"{reason} ({count:,})" for reason, count in ordered[:_FEW]) + more
