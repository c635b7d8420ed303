r"""Stores text that is not Unicode reversibly: Arrow and JSON only accept UTF-8, but file names can be any bytes.

A byte that was not UTF-8 reaches Python as a lone surrogate (`os.fsdecode`). It is stored as "%u" and its four hex
digits: "\udcff" as "%uDCFF". Text that already looks like that gets one more u ("%uDCFF" is stored as "%uuDCFF"), which
is removed when it is read. All other text is stored as it is.
"""

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_LOOKALIKE = re.compile(r"%(u+D[89A-F][0-9A-F]{2})")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STORED = re.compile(r"%(u+)(D[89A-F][0-9A-F]{2})")


def escaped(text: str) -> str:
    """`text` as it is stored: valid UTF-8."""
    if "%u" in text:
        text = _LOOKALIKE.sub(r"%u\1", text)
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda found: f"%u{ord(found[0]):04X}", text)


def unescaped(text: str) -> str:
    """The text that `escaped` stored."""
    if "%u" not in text:
        return text
    return _STORED.sub(lambda found: chr(int(found[2], 16)) if found[1] == "u" else f"%{found[1][1:]}{found[2]}", text)


def escaped_array(texts: Iterable[str | None]) -> Any:
    """An Arrow array of large_string of the stored forms; None is null."""
    return pa.array([None if text is None else escaped(text) for text in texts], pa.large_string())


def unescaped_list(array: Any) -> list[Any]:
    """The texts (or None) of an Arrow array of stored forms."""
    texts = array.to_pylist()
    if pc.any(pc.match_substring(array, "%u")).as_py():
        return [None if text is None else unescaped(text) for text in texts]
    return list(texts)
