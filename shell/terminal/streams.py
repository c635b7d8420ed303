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

from ...store.errors import LookalikeError
from ...store.shown import shown


class Unwritable(LookalikeError):
    """Standard output cannot be written to."""


class _Closed(io.TextIOBase):
    """Stands for a standard stream that was closed before the program began: writing to it fails."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


class NobodyReads(Exception):
    """The reader of standard output has ended (`| head`). Not an OSError, because click would exit on that itself."""


class _Result:
    """Standard output that turns every failure into an error of ours, and keeps failing after the first one."""

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
        if self._failed is not None:  # click tests whether it can write, and ignores the error
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
    """Replace closed standard streams, so that no file of ours gets their number and writing to them is an error."""
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
    """Restore Python's own streams before exit: Python flushes them, and would report the same failure again."""
    if isinstance(sys.stdout, _Result):
        sys.stdout = sys.stdout._stream
    for name in ("stdout", "stderr"):
        if isinstance(getattr(sys, name), _Closed):
            setattr(sys, name, None)


def lines_of(text: object) -> str:
    """`text` with each of its lines as `shown`."""
    return "\n".join(map(shown, str(text).split("\n")))


def write_result(text: str) -> None:
    """Write `text` to stdout unchanged. Raises Unwritable if that fails, NobodyReads if the pipe was closed."""
    print_with(lambda: _write(False, text), False)


def print_with(act: Callable[[], object], err: bool) -> bool:
    """Run `act`, which prints. A failure raises as in `write_result`; on stderr (`err`) it is remembered: False."""
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
    """Write bytes to stdout unchanged, after all earlier text; raises as `write_result` does."""
    flush_result()
    try:
        stream: Any = getattr(sys.stdout, "buffer", sys.stdout)  # what stands for a closed stream refuses both
        stream.write(content)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise _failure(error) from error


def flush_result() -> None:
    """Flush the result now: Python would do so at exit, when it is too late to report a failure."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Exception:
    """The error to raise for a failure of stdout; its buffer is discarded, or it would fail again."""
    from ...store.disk.publish import reason  # not before, since `--help` prints too

    _turn_away(getattr(sys.stdout, "_stream", sys.stdout))
    if isinstance(error, BrokenPipeError):
        return NobodyReads()
    why = "it is closed" if not isinstance(error, OSError) or error.errno == errno.EBADF else reason(error)
    return Unwritable(f"cannot write the result to standard output: {why}")


def note(text: str) -> bool:
    """Write `text` as one line to stderr; a failure returns False and is remembered."""
    return write_note(shown(text) + "\n")


def write_note(text: str, counts: bool = True) -> bool:
    """Write `text` to stderr unchanged; return False if that fails, and remember it if it `counts`."""
    before = _Lost.notes
    done = print_with(lambda: _write(True, text), True)
    if not counts:
        _Lost.notes = before
    return done


def notes_lost() -> bool:
    """Whether a note that counts could not be written since the streams were guarded."""
    return _Lost.notes


def fitting(text: str, err: bool) -> str:
    """`text` with characters escaped that stdout (or stderr, with `err`) cannot encode."""
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
    """Redirect a failed standard stream to nowhere: at exit Python would try to write the rest, and fail again."""
    try:
        descriptor = stream.fileno()
        if descriptor in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
            stream.flush()
    except (OSError, ValueError, AttributeError):
        pass
