"""What people should know of a source besides the counts: what was skipped, what is gone, and which option helps."""

from collections.abc import Mapping

from .plan import Plan
from .sources import Source
from .sources.files import LINK_OUT, LINK_TO_FOLDER

_FEW = 5


def notes(source: Source, planned: Plan, reasons: Mapping[str, int]) -> list[str]:
    """Sentences for people after a sync; reasons: how many images were rejected, by reason."""
    gone = [] if planned.note is None else [planned.note]
    return source.notes() + gone + link_notes(reasons)


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
