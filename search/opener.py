"""Showing a file with what the desktop opens such files with."""

import subprocess
import sys
from pathlib import Path

from ..store.errors import LookalikeError

_PATIENCE = 5.0


def opener() -> str:
    """The platform's command that opens files."""
    return "open" if sys.platform == "darwin" else "xdg-open"


def open_file(path: Path) -> None:
    """Open `path` and come back; LookalikeError where the platform's opener is missing or fails.

    An opener that still runs after a few seconds is the viewer itself, and is left alone.
    """
    command = opener()
    try:
        # "--" is not known to `open`; an absolute path cannot be taken for an option.
        shown = subprocess.Popen(
            [command, str(path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        status = shown.wait(_PATIENCE)
    except FileNotFoundError:
        raise LookalikeError(f"cannot show {path}: there is no {command} here; open the file yourself") from None
    except OSError as error:
        raise LookalikeError(f"cannot show {path}: {command} cannot be run ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        return
    if status != 0:
        raise LookalikeError(f"cannot show {path}: {command} failed ({status}); is there a desktop? Open it yourself")
