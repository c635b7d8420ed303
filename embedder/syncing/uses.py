"""How a source was embedded, which its rows do not say: under which prefix, and by which columns of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...store.errors import LookalikeError
from ...store.files.content import SourceUse
from ..sources import Source, SourceOptions, open_source
from ..sources.single import SingleSource
from ..sources.tables.table import TableSource


def use_of(source: Source, prefix: str) -> SourceUse:
    """How a source is about to be embedded."""
    if isinstance(source, TableSource):
        return SourceUse(source.name, prefix, source.options.image_column, source.options.label_column)
    # Single images can be as many as rows, and one file needs no prefix to be found or told from others.
    return SourceUse(source.name, "" if isinstance(source, SingleSource) else prefix, None, None)


def opened_as_used(name: str, uses: Sequence[SourceUse], options: SourceOptions) -> Iterator[Source]:
    """Open a source in each of the ways in which it was embedded, the usual one last.

    LookalikeError where it can be opened in none of them.
    """
    columns = dict.fromkeys((use.image_column, use.label_column) for use in uses if use.source == name)
    columns[None, None] = columns.pop((None, None), None)
    opened, errors = 0, list[LookalikeError]()
    for image, label in columns:
        try:
            source = open_source(name, replace(options, image_column=image, label_column=label))
        except LookalikeError as error:
            errors.append(error)
            continue
        opened += 1
        yield source
    if not opened:
        raise errors[0]


def longer_prefixes(uses: Sequence[SourceUse], source: str, prefix: str) -> tuple[str, ...]:
    """The prefixes under which a source was embedded that begin with `prefix` and are longer."""
    prefixes = (use.prefix for use in uses if use.source == source)
    return tuple(each for each in prefixes if each.startswith(prefix) and each != prefix)
