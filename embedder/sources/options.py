"""The options of a source besides its path: what to leave out, and where labels and images are.

`lookalike embed` and `lookalike train` pass the same options to every kind of source, and with its description to the
workers, which open it again. An option that does not apply to a kind of source is refused.
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
    whether links out of the source are followed. image_column, label_column: the columns of a table, None for the
    usual ones.
    """

    exclude: tuple[str, ...] = field(default=(), metadata=LATER)
    labels: bool = field(default=True, metadata=LATER)
    follow_links: bool = field(default=False, metadata=LATER)
    image_column: str | None = field(default=None, metadata=LATER)
    label_column: str | None = field(default=None, metadata=LATER)

    def check(self, source: str, kind: str, accepted: Collection[str]) -> None:
        """Refuse an option that does not apply to a kind of source; `accepted` names those that do."""
        for name in self._given():
            if name not in accepted:
                others = ", ".join(flag for other, flag in _FLAGS.items() if other in accepted)
                instead = f"its options are {others}" if others else "leave it out"
                raise LookalikeError(f"source {source!r} is {kind}, which {_FLAGS[name]} does not apply to: {instead}")

    def _given(self) -> Iterator[str]:
        """The names of the options that differ from their defaults."""
        return (name for name in _FLAGS if getattr(self, name) != getattr(USUAL, name))

    def to_spec(self) -> dict[str, Any]:
        """The options as JSON values for `from_spec`; empty if all have their defaults."""
        given = {name: getattr(self, name) for name in self._given()}
        return {"options": to_plain(given)} if given else {}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "SourceOptions":
        """The options in a source's description. Raises LookalikeError for an unknown one."""
        return from_plain(cls, spec["options"], "the options of a source") if "options" in spec else USUAL


def patterns(exclude: str | Sequence[str]) -> tuple[str, ...]:
    """One pattern or several, as SourceOptions stores them."""
    return (exclude,) if isinstance(exclude, str) else tuple(exclude)


USUAL = SourceOptions()
"""The default options."""
