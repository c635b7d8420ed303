"""Reads a text file in any encoding: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

Bytes of any other encoding are kept as in file names: each byte that is not UTF-8 becomes a lone surrogate.
"""

import codecs
from collections.abc import Iterator

from ..disk.regular import check_regular
from ..errors import LookalikeError

# UTF-32's mark begins with that of UTF-16, and so comes first.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
# Without a mark the zeros beside the first character tell, since names of columns begin with ASCII.
_ZEROS = {
    "x000": "utf-32-le",
    "000x": "utf-32-be",
    "x0x0": "utf-16-le",
    "0x0x": "utf-16-be",
}


def text_lines(path: str) -> Iterator[tuple[int, str]]:
    r"""Each line with its number from 1, including its end, which may be \n, \r\n or \r.

    Raises LookalikeError for a file that cannot be read, is not a regular file, has a zero byte, or ends within a
    character.
    """
    number, encoding = 0, ""
    try:
        check_regular(path)
        encoding = _encoding(path)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        with open(path, newline="", encoding=encoding, errors=errors) as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise LookalikeError(
                        f"{path} line {number} holds a zero byte, so it is damaged or not text: write the table again"
                    )
                yield number, line
    except UnicodeError as error:
        name = encoding.removesuffix("-le").removesuffix("-be").upper()
        raise LookalikeError(
            f"{path} is not valid {name} after line {number}: save it as UTF-8 and try again"
        ) from error
    except OSError as error:
        raise LookalikeError(f"{path} cannot be read: {error.strerror}") from error


def _encoding(path: str) -> str:
    with open(path, "rb") as file:
        head = file.read(4)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    return _ZEROS.get("".join("0" if byte == 0 else "x" for byte in head), "utf-8")
