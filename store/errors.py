"""The errors people see: one line that names the thing, the value and what would work."""


class LookalikeError(Exception):
    """An error a user can mend; the shell prints its one line and exits with `exit_code`."""

    exit_code = 1


class Damaged(LookalikeError):
    """A file differs from the size or SHA-256 that its manifest promises."""


class Busy(LookalikeError):
    """Another process is writing to the collection."""


class TooManyRejects(LookalikeError):
    """More images were rejected than `--max-rejects` allows."""

    exit_code = 3


class LookalikeWarning(UserWarning):
    """Something worked, though not as the user may expect: said once, on stderr."""
