"""Open a file with the default program of the desktop."""

import subprocess
import sys
import warnings
from pathlib import Path

from ...store.errors import LookalikeWarning

_PATIENCE = 5.0


def opener() -> str:
    """The platform's command that opens files."""
    return "open" if sys.platform == "darwin" else "xdg-open"


def open_file(path: Path) -> None:
    """Open `path` and return; warn with LookalikeWarning if that fails, because the file itself exists.

    An opener that still runs after a few seconds is the viewer itself, and is left running.
    """
    reason = _reason(opener(), path)
    if reason is not None:
        warnings.warn(f"cannot show {path}: {reason}; open the file yourself", LookalikeWarning)


def _reason(command: str, path: Path) -> str | None:
    """Run the opener; return why it failed, or None."""
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
        return f"{command} is not installed"
    except OSError as error:
        return f"{command} cannot be run ({error.strerror})"
    except subprocess.TimeoutExpired:
        return None
    return f"{command} failed (exit code {status}), perhaps because there is no desktop" if status else None
