"""Record: the base of what users get back, a frozen dataclass that also reads as the mapping that its JSON is.

Fields have types and are attributes; the mapping gives what `to_json` gives, under the same names and in the same
order. A subclass is decorated with `@dataclass(frozen=True, eq=False)`, so that it compares as mappings do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

_NAME, _OPTIONAL = "json name", "optional"
WHEN_MEASURED: dict[str, Any] = {_OPTIONAL: True}
"""The metadata of a field that is None, and absent from the mapping and from JSON, where it was not measured."""


class Record(Mapping[str, Any]):
    """A result with typed fields, readable as a mapping too.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Counts(Record):
    ...     seen: int
    ...     added: int
    >>> counts = Counts(seen=3, added=2)
    >>> counts.added, counts["added"], dict(counts)
    (2, 2, {'seen': 3, 'added': 2})
    >>> counts == {"seen": 3, "added": 2}
    True
    """

    def to_json(self) -> dict[str, Any]:
        """The fields as plain dicts and lists, as `--json` prints them."""
        return {name: self[name] for name in self}

    def __getitem__(self, name: str) -> Any:
        attribute, optional = _names(type(self))[name]
        value = getattr(self, attribute)
        if optional and value is None:
            raise KeyError(name)
        return _plain(value)

    def __iter__(self) -> Iterator[str]:
        for name, (attribute, optional) in _names(type(self)).items():
            if not optional or getattr(self, attribute) is not None:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def json_name(name: str) -> dict[str, Any]:
    """The metadata of a field whose JSON name is not a Python identifier, such as "tpr_at_fpr_1e-3"."""
    return {_NAME: name}


@cache
def _names(kind: type[Any]) -> dict[str, tuple[str, bool]]:
    """The name in JSON of each field of a class, with its attribute and whether it may be absent."""
    return {f.metadata.get(_NAME, f.name): (f.name, _OPTIONAL in f.metadata) for f in fields(kind)}


def _plain(value: Any) -> Any:
    """A value with the records in it as dicts, and tuples as lists."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
