"""The one place that prints: results on stdout, everything else on stderr, safe for a terminal.

Text from files (keys, labels, columns, messages that quote them) reaches a terminal only as `shown`. A result that
cannot be written is an error of one line; a note that cannot be written is remembered, and the exit is then not 0.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from ..store.errors import LookalikeError
from ..store.shown import shown


class Unwritable(LookalikeError):
    """Standard output cannot be written to."""


class _Closed(io.TextIOBase):
    """Stands for a standard stream that was closed before we began: writing fails, as it does on any other."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


class NobodyReads(Exception):
    """What reads our standard output has ended (`| head`); not an OSError, with which click would exit by itself."""


class _Result:
    """Standard output whose failures are errors of ours, whoever prints, and last; all else is the stream's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._failed: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return int(self._checked(lambda: self._stream.write(text)))

    def flush(self) -> None:
        self._checked(self._stream.flush)

    def _checked(self, act: Callable[[], Any]) -> Any:
        if self._failed is not None:  # click tries whether it can write, and swallows the answer
            raise self._failed
        try:
            return act()
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:
            self._failed = _failure(error)
            raise self._failed from error


class _Lost:
    """Whether a note could not be written to stderr."""

    notes = False


def guard_streams() -> None:
    """Fill the places of closed standard streams, so that no file of ours is taken for one, and writing says so."""
    _Lost.notes = False
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _Closed())
    sys.stdout = _Result(sys.stdout)


def release_streams() -> None:
    """Give Python its own streams back before it exits: it flushes them, and would complain of what was said."""
    if isinstance(sys.stdout, _Result):
        sys.stdout = sys.stdout._stream
    for name in ("stdout", "stderr"):
        if isinstance(getattr(sys, name), _Closed):
            setattr(sys, name, None)


def lines_of(text: object) -> str:
    """`text` with each of its lines as `shown`."""
    return "\n".join(map(shown, str(text).split("\n")))


def write_result(text: str) -> None:
    """Write `text` to stdout as it is. Unwritable where that fails, NobodyReads where it is a pipe that was closed."""
    print_with(lambda: _write(False, text), False)


def print_with(act: Callable[[], object], err: bool) -> bool:
    """Do what prints. A failure is raised as `write_result` has it; on stderr (`err`) it is remembered: then False."""
    try:
        act()
    except (OSError, ValueError) as error:
        if not err:
            raise _failure(error) from error
        _turn_away(sys.stderr)
        _Lost.notes = True
        return False
    return True


def write_bytes(content: bytes) -> None:
    """Write bytes to stdout as they are, after all text that went before; fails as `write_result` does."""
    flush_result()
    try:
        stream: Any = getattr(sys.stdout, "buffer", sys.stdout)  # what stands for a closed stream refuses both
        stream.write(content)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise _failure(error) from error


def flush_result() -> None:
    """Write the last of the result, which Python would do at exit, when it is too late to say that it failed."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Exception:
    """What a failure of stdout means; what is still in its buffer is turned away, or it would fail again."""
    from ..store.disk.publish import reason  # not before, since `--help` prints too

    _turn_away(getattr(sys.stdout, "_stream", sys.stdout))
    if isinstance(error, BrokenPipeError):
        return NobodyReads()
    why = "it is closed" if not isinstance(error, OSError) or error.errno == errno.EBADF else reason(error)
    return Unwritable(f"cannot write the result to standard output: {why}")


def note(text: str) -> bool:
    """Write a line to stderr, one line whatever is in `text`; False, and remembered, where that fails."""
    return write_note(shown(text) + "\n")


def write_note(text: str, counts: bool = True) -> bool:
    """Write `text` to stderr as it is; False where that fails, which is remembered where it `counts`."""
    before = _Lost.notes
    done = print_with(lambda: _write(True, text), True)
    if not counts:
        _Lost.notes = before
    return done


def notes_lost() -> bool:
    """Whether a note that counts could not be written since the streams were guarded."""
    return _Lost.notes


def fitting(text: str, err: bool) -> str:
    """`text` with the characters escaped that the encoding of stdout, or of stderr (`err`), lacks."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _write(err: bool, text: str) -> None:
    """Write and flush."""
    stream = sys.stderr if err else sys.stdout
    stream.write(fitting(text, err))
    stream.flush()


def _turn_away(stream: Any) -> None:
    """Lead a standard stream that failed to nowhere: at exit Python would try to write the rest, and complain."""
    try:
        descriptor = stream.fileno()
        if descriptor in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
            stream.flush()
    except (OSError, ValueError, AttributeError):
        pass
