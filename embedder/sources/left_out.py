"""What a walk through a folder leaves out: debris of file servers and systems, and the patterns of `--exclude`.

Debris holds copies of other pictures (thumbnails, trash) or no pictures at all, and its folders are not classes. Names
are compared without regard to case if no class would have such a name. If one of these folders is itself given as the
source, its files are images like any others.
"""

import re
import unicodedata
from collections.abc import Sequence

from ...store.errors import LookalikeError

# Linux and old Windows write these as they stand, and in another case they may be classes.
_EXACT = {"lost+found", ".thumbnails", ".stfolder", ".stversions", ".recycle", "RECYCLER", "LOST.DIR"}
# Synology, QNAP and NetApp, also through a share that changes the case.
_ANY_CASE = {"@eadir", "@tmp", "#recycle", "#snapshot", "~snapshot", "@recycle", "@recently-snapshot"}
_ANY_CASE |= {".@__thumb", "@__thumb", "@synoresource", "@synoeastream", "@sharebin", "@sharesnap"}
# Samba, Buffalo and GoodSync.
_ANY_CASE |= {"recycle.bin", "trashbox", "_gsdata_"}
# Windows and macOS, in whatever case.
_ANY_CASE |= {
    "$recycle.bin",
    "system volume information",
    "__macosx",
    "network trash folder",
    "temporary items",
    "temporaryitems",
}
_ANY_CASE |= {".appledouble", ".trashes", ".temporaryitems", "icon\r", "thumbs.db", "desktop.ini", ".ds_store"}
_PATTERN = re.compile(
    r"\.trash.*|\._.*|found\.\d{3}|@gmt-[\d.-]+|syno(?:file|photo|video)_(?:thumb|film).*", re.IGNORECASE | re.DOTALL
)
# They are small, everywhere, and would not be taken for images anyway.
_UNREMARKABLE = {"thumbs.db", "desktop.ini", ".ds_store"}


def is_debris(name: str) -> bool:
    """Whether a file or folder of that name is left behind by a file server or an operating system."""
    return name in _EXACT or name.lower() in _ANY_CASE or _PATTERN.fullmatch(name) is not None


def is_remarkable(name: str) -> bool:
    """Whether people may want to know that this debris was skipped."""
    return name.lower() not in _UNREMARKABLE


class Exclusion:
    """Patterns of what to leave out, read as in a .gitignore.

    A pattern without a slash is a name at any depth, one with a slash a path below the root; one that ends in a slash
    matches folders only. `*`, `?` and `[...]` match within a name, `**` any number of folders. Everything below an
    excluded folder is excluded. Raises LookalikeError for a pattern that is empty or begins with `!`.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [(pattern, *_compiled(pattern)) for pattern in patterns]
        self.unused = dict.fromkeys(patterns)
        """The patterns that have left nothing out yet."""

    def excludes(self, path: str, is_folder: bool) -> bool:
        """Whether a path below the root, with "/", is excluded by itself, its folders left aside."""
        excluded = False
        normal = unicodedata.normalize("NFC", path) if self._patterns else path
        for pattern, regex, folders_only in self._patterns:
            if (is_folder or not folders_only) and regex.fullmatch(normal):
                self.unused.pop(pattern, None)
                excluded = True
        return excluded

    def excludes_file(self, path: str) -> bool:
        """Whether a file below the root is excluded, by itself or by one of its folders."""
        names = path.split("/")
        folders = ("/".join(names[:depth]) for depth in range(1, len(names)))
        return any(self.excludes(folder, True) for folder in folders) or self.excludes(path, False)


def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    """The regular expression of a pattern over paths below the root, and whether it means folders only."""
    text = unicodedata.normalize("NFC", pattern[1:] if pattern.startswith("./") else pattern)
    folders_only, bare = text.endswith("/"), text.rstrip("/")
    if bare in ("", "."):
        raise LookalikeError(f"--exclude {pattern!r} is empty: give a name such as '*.tmp', or a path below the source")
    if bare.startswith("!"):
        raise LookalikeError(
            f"--exclude {pattern!r}: patterns can only exclude, so ! has no meaning; for a name that begins with !, "
            f"write '\\{bare}'"
        )
    anywhere = "" if "/" in bare else "(?:.*/)?"
    try:
        return re.compile(anywhere + _regex(bare.lstrip("/")), re.DOTALL), folders_only
    except re.error as error:
        raise LookalikeError(f"--exclude {pattern!r} is not a pattern: {error}") from None


def _regex(glob: str) -> str:
    """A glob as the text of a regular expression."""
    pieces, at = [], 0
    while at < len(glob):
        piece, at = _piece(glob, at)
        pieces.append(piece)
    return "".join(pieces)


def _piece(glob: str, at: int) -> tuple[str, int]:
    """The regular expression of what stands at a place of a glob, and where the next begins."""
    if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
        return "(?:.*/)?", at + 3
    if glob.startswith("/**", at) and at + 3 == len(glob):
        return "/.+", at + 3
    if glob[at] == "*":
        return "[^/]*", at + 1
    if glob[at] == "?":
        return "[^/]", at + 1
    if glob[at] == "\\" and at + 1 < len(glob):
        return re.escape(glob[at + 1]), at + 2
    if glob[at] == "[" and (end := glob.find("]", at + 3 if glob[at + 1 : at + 2] in "!^" else at + 2)) > 0:
        inner = glob[at + 1 : end]
        negated = inner[:1] in ("!", "^")
        body = re.sub(r"([\\\[\]&~|^])", r"\\\1", inner[negated:])
        return f"(?!/)[{'^' if negated else ''}{body}]", end + 1
    return re.escape(glob[at]), at + 1
