"""The errors people see: one line that names the thing, the value and what would work."""

from collections.abc import Mapping
from typing import Any


class LookalikeError(Exception):
    """An error a user can mend; the shell prints its one line and exits with `exit_code`."""

    exit_code = 1


def one_line(error: BaseException) -> str:
    """What a library says, without its line ends; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


class Damaged(LookalikeError):
    """A file differs from the size or SHA-256 that its manifest promises."""


class Busy(LookalikeError):
    """Another process is writing to the collection."""


class TooManyRejects(LookalikeError):
    """More images were rejected than `--max-rejects` allows; `done` holds the counts, since the others are in."""

    exit_code = 3

    def __init__(self, message: str, done: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.done = done


class TrainingFailed(LookalikeError):
    """A training came to nothing by its settings: the loss is no number, or all images got the same vector."""


class LookalikeWarning(UserWarning):
    """Something worked, though not as the user may expect: said once, on stderr."""
