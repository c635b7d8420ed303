"""Thumbnails: the pictures behind stored rows, small, for people to look at. torch is not loaded.

A row records its source, its key and the SHA-256 of its image, but not the prefix that its key may begin with. So the
picture is looked for under the key and then under its endings, in each of the ways in which its source was embedded,
and is shown only if its content is the one embedded: a thumbnail never shows another image than the one measured.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from PIL import Image as PilImage

from ...store.errors import LookalikeError
from ...store.files.content import SourceUse
from ...store.work.fragments import cut
from ..sources import Source, SourceOptions
from ..sources.files import read_file
from ..syncing.located import endings, located, whole
from ..syncing.uses import opened_as_used
from .image import How, Thumbnail, fitted, image_or_rejection
from .processes.decoders import FEW, decode
from .rejected import Rejected

__all__ = ["Thumbnail", "file_thumbnail", "fitted", "source_thumbnails"]

_NOWHERE = "not found"


class _Sought(NamedTuple):
    place: int
    locator: Any
    content: str


def source_thumbnails(
    source: str, keys: Sequence[str], contents: Sequence[str | None], side: int, uses: Sequence[SourceUse] = ()
) -> list[Thumbnail | str]:
    """For each key of a source its picture, uint8 (h, w, 3) with h, w <= side, or in a few words why there is none.

    contents: SHA-256 in hex of the image that was embedded under that key; None for a row that never was an image.
    uses: how sources were embedded, of which those of this one count.
    """
    found: list[Thumbnail | str] = ["no image" if content is None else _NOWHERE for content in contents]
    wanted = [place for place, content in enumerate(contents) if content is not None]
    if not wanted:
        return found
    try:
        options = SourceOptions(follow_links=True)  # contents are compared, so no link misleads
        for opened, names in product(opened_as_used(source, uses, options), (whole, endings)):
            missing = [place for place in wanted if isinstance(found[place], str)]
            for place, answer in _looked_up(opened, _sought(opened, keys, contents, missing, names), side):
                if not isinstance(answer, str) or _is_nowhere(found[place]):
                    found[place] = answer
    except LookalikeError:
        return ["source cannot be read" if _is_nowhere(answer) else answer for answer in found]
    return found


def file_thumbnail(image: str | os.PathLike[str] | bytes | PilImage.Image, side: int) -> Thumbnail | str:
    """The picture of an image file, of its bytes or a PIL image, uint8 (h, w, 3) with h, w <= side, or why not."""
    try:
        data = image if isinstance(image, PilImage.Image | bytes) else read_file(os.path.abspath(image))
    except Rejected as rejected:
        return rejected.reason
    return _small([data], side)[0]


def _is_nowhere(answer: Thumbnail | str) -> bool:
    return isinstance(answer, str) and answer == _NOWHERE


def _sought(
    source: Source, keys: Sequence[str], contents: Sequence[str | None], places: Sequence[int], names: Any
) -> list[_Sought]:
    """Where the images of these places may lie, in the order in which the source reads them best."""
    pairs = located(source, keys, places, names)
    return [_Sought(place, locator, str(contents[place])) for place, _, locator in pairs]


def _looked_up(source: Source, sought: Sequence[_Sought], side: int) -> Iterator[tuple[int, Thumbnail | str]]:
    """(place, thumbnail or why not)."""
    for some in cut(sought, FEW):
        images = [_read(source, one) for one in some]
        yield from zip((one.place for one in some), _small(images, side), strict=True)


def _read(source: Source, one: _Sought) -> Any:
    """The data of an image, or Rejected."""
    image = image_or_rejection(source, one.locator)
    if isinstance(image, Rejected):
        return image
    return image.data if image.sha256 == one.content else Rejected("read", "changed since")


def _small(images: Sequence[Any], side: int) -> list[Thumbnail | str]:
    """The thumbnails of images (their data, or Rejected), or why there is none."""
    outcomes = decode(images, How(side=side))
    return [outcome.reason if isinstance(outcome, Rejected) else outcome.pixels for outcome in outcomes]
