"""What to say of pictures that a contact sheet lacks."""

import shlex
from collections import Counter
from collections.abc import Iterable

from ...store.shown import shown
from .thumbnails import Picture

AWAY = ("source cannot be read", "not found")
"""Reasons that a source which has moved leaves."""


def missing_of(pictures: Iterable[Picture]) -> "Counter[str]":
    """How many of these pictures are not there, by the reason why."""
    return Counter(picture for picture in pictures if isinstance(picture, str))


def missing_words(reasons: "Counter[str]", path: str, collection: str) -> str:
    """How many pictures a sheet lacks, why, and what to do where their source is not where it was."""
    why = ", ".join(f"{shown(reason)} ({count})" for reason, count in reasons.most_common())
    command = shown(shlex.join(("lookalike", "move", collection, "OLD", "NEW")))
    hint = f"; if a source has moved, `{command}` says where to" if any(reason in reasons for reason in AWAY) else ""
    pictures = "picture is" if reasons.total() == 1 else "pictures are"
    return f"{reasons.total()} {pictures} missing in {shown(path)}: {why}{hint}"
