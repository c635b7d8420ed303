"""Thumbnails: the pictures behind stored rows, small, for people to look at. torch is not loaded.

A row records its source, its key and the SHA-256 of its image, but not the prefix that its key may begin with. So the
picture is looked for under the key and then under its endings, and is shown only if its content is the one embedded:
a thumbnail never shows another image than the one that was measured.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from ..store.errors import LookalikeError
from ..store.fragments import cut
from .decode import picture_of
from .decoders import FEW, decoders
from .images import Image, read_image
from .located import endings, located, whole
from .rejected import Rejected
from .sources import Source, SourceOptions, open_source
from .sources.files import read_file

_NOWHERE = "not found"

Thumbnail = NDArray[np.uint8]
"""uint8 (h, w, 3), h and w at most the side asked for."""


class _Sought(NamedTuple):
    place: int
    locator: Any
    content: str


def source_thumbnails(
    source: str, keys: Sequence[str], contents: Sequence[str | None], side: int
) -> list[Thumbnail | str]:
    """For each key of a source its picture, uint8 (h, w, 3) with h, w <= side, or in a few words why there is none.

    contents: SHA-256 in hex of the image that was embedded under that key; None for a row that never was an image.
    """
    found: list[Thumbnail | str] = ["no image" if content is None else _NOWHERE for content in contents]
    wanted = [place for place, content in enumerate(contents) if content is not None]
    if not wanted:
        return found
    try:
        opened = open_source(source, SourceOptions(follow_links=True))  # contents are compared, so no link misleads
        for names in (whole, endings):
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
    return _small(data, side)


def fitted(pixels: Thumbnail, side: int) -> Thumbnail:
    """Pixels (h, w, 3) brought within side x side: reduced, or enlarged by whole pixels, so that small ones stay sharp.

    No side becomes less than a pixel.
    """
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        factor = side // longest
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(PilImage.fromarray(pixels).resize(size, PilImage.Resampling.LANCZOS, reducing_gap=3.0))


def _is_nowhere(answer: Thumbnail | str) -> bool:
    return isinstance(answer, str) and answer == _NOWHERE


def _sought(
    source: Source, keys: Sequence[str], contents: Sequence[str | None], places: Sequence[int], names: Any
) -> list[_Sought]:
    """Where the images of these places may lie, in the order in which the source reads them best."""
    pairs = located(source, keys, places, names)
    return [_Sought(place, locator, str(contents[place])) for place, _, locator in pairs]


def _looked_up(source: Source, sought: Sequence[_Sought], side: int) -> Iterator[tuple[int, Thumbnail | str]]:
    """(place, thumbnail or why not); reading stays in this thread, decoding does not."""
    with decoders() as threads:
        for some in cut(sought, FEW):
            images = [_read(source, one) for one in some]
            small = threads.map(lambda image: image if isinstance(image, str) else _small(image.data, side), images)
            yield from zip((one.place for one in some), small, strict=True)


def _read(source: Source, one: _Sought) -> Image | str:
    try:
        image = read_image(source, one.locator)
    except Rejected as rejected:
        return rejected.reason
    return image if image.sha256 == one.content else "changed since"


def _small(data: Any, side: int) -> Thumbnail | str:
    try:
        return fitted(picture_of(data, 3, side).pixels, side)
    except Rejected as rejected:
        return rejected.reason
