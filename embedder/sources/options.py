"""What people say about a source besides where it is: what to leave out, and where labels and images are found.

The same options go from `lookalike embed` and `lookalike train` to every kind of source, and with its description to
the workers, which open it again. An option that means nothing for a kind of source is refused.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...store.codec import LATER, from_plain, to_plain
from ...store.errors import LookalikeError

_FLAGS = {
    "exclude": "--exclude",
    "labels": "--no-labels",
    "follow_links": "--follow-links",
    "image_column": "--image-column",
    "label_column": "--label-column",
}


@dataclass(frozen=True)
class SourceOptions:
    """How a source is read.

    exclude: patterns of files and folders to leave out. labels: whether the names of folders are labels. follow_links:
    whether links to anywhere are followed. image_column, label_column: the columns of a table, None for the usual ones.
    """

    exclude: tuple[str, ...] = field(default=(), metadata=LATER)
    labels: bool = field(default=True, metadata=LATER)
    follow_links: bool = field(default=False, metadata=LATER)
    image_column: str | None = field(default=None, metadata=LATER)
    label_column: str | None = field(default=None, metadata=LATER)

    def check(self, source: str, kind: str, accepted: Collection[str]) -> None:
        """Refuse an option that means nothing for sources of a kind; `accepted` names those that mean something."""
        for name in self._given():
            if name not in accepted:
                others = ", ".join(flag for other, flag in _FLAGS.items() if other in accepted)
                instead = f"it takes {others}" if others else "leave it out"
                raise LookalikeError(f"source {source!r} is {kind}, for which {_FLAGS[name]} means nothing: {instead}")

    def _given(self) -> Iterator[str]:
        """The names of the options that are not as they are by default."""
        return (name for name in _FLAGS if getattr(self, name) != getattr(USUAL, name))

    def to_spec(self) -> dict[str, Any]:
        """What `from_spec` makes these options of again, as JSON values; empty where all are as usual."""
        given = {name: getattr(self, name) for name in self._given()}
        return {"options": to_plain(given)} if given else {}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "SourceOptions":
        """The options in a source's description; LookalikeError for one that is not known."""
        return from_plain(cls, spec["options"], "the options of a source") if "options" in spec else USUAL


def patterns(exclude: str | Sequence[str]) -> tuple[str, ...]:
    """One pattern or several, as SourceOptions holds them."""
    return (exclude,) if isinstance(exclude, str) else tuple(exclude)


USUAL = SourceOptions()
"""Nothing is left out or asked for."""
