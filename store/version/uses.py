"""How sources were embedded, as a version lists it: at most one way for each source and prefix."""

from dataclasses import replace

from ..files.content import SourceUse

Uses = tuple[SourceUse, ...]


def with_use(uses: Uses, use: SourceUse) -> Uses:
    """The list with one more, in place of how that source was embedded under that prefix before.

    The usual way, with no prefix and no column named, is not listed.
    """
    if use in uses:
        return uses
    others = (other for other in uses if (other.source, other.prefix) != (use.source, use.prefix))
    return (*others, *(() if use == SourceUse(use.source, "", None, None) else (use,)))


def with_moved(uses: Uses, old: str, new: str) -> Uses:
    """The list after a source has moved."""
    for use in [use for use in uses if use.source == old]:
        uses = with_use(tuple(other for other in uses if other != use), replace(use, source=new))
    return uses
