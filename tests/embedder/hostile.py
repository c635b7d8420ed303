"""Images that do to their decoder what hostile ones do, in every process that the tests start.

`site(folder)` gives the environment of processes that import the hook below before any of our code. An image that
begins with HANG is never decoded, one with CRASH ends its process, one with HUNGRY takes memory until it gets no more.
"""

from pathlib import Path

HOOK = """
import os, time
import lookalike.embedder.images.image as images
whole = images.prepared
def hostile(data, preprocessing):
    if isinstance(data, bytes) and data.startswith(b"HANG"):
        while True:
            time.sleep(60)
    if isinstance(data, bytes) and data.startswith(b"CRASH"):
        os.abort()
    if isinstance(data, bytes) and data.startswith(b"HUNGRY"):
        taken = []
        while True:
            taken.append(bytearray(16 << 20))
    return whole(data, preprocessing)
images.prepared = hostile
"""


def site(folder: Path) -> dict[str, str]:
    """Write the hook below `folder`; the variables that make Python import it."""
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(HOOK)
    return {"PYTHONPATH": str(folder / "site")}
