"""Errors that people see: each is one line that names the thing, its value and what to do."""

from collections.abc import Mapping
from typing import Any


class LookalikeError(Exception):
    """An error that the user can fix. The shell prints its message and exits with `exit_code`."""

    exit_code = 1


def one_line(error: BaseException) -> str:
    """The message of a library's error in one line; the error's type where it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


class Damaged(LookalikeError):
    """A file differs from the size or SHA-256 that its manifest promises."""


class Busy(LookalikeError):
    """Another process is writing to the collection."""


class TooManyRejects(LookalikeError):
    """More images were rejected than `--max-rejects` allows. `done` holds the counts: the other images are stored."""

    exit_code = 3

    def __init__(self, message: str, done: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.done = done


class TrainingFailed(LookalikeError):
    """The settings made the training fail: the loss is not a number, or all images got the same vector."""


class LookalikeWarning(UserWarning):
    """Something worked, but perhaps not as the user expects. Shown once, on stderr."""
