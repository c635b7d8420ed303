"""A warm process that forks the children that are killed: `python -m lookalike.tests.survival.warm FOLDER`.

It imports everything once and then only forks. A line on stdin asks for rounds ({"operation", "kills", "seed"}), a
line on stdout says how they went, or {"failure": traceback}. It ends with its stdin.
"""

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from .rounds import Rounds


def rounds(folder: Path, operation: str, kills: int, seed: int) -> dict[str, Any]:
    """Prepare an operation and kill it so many times."""
    started = time.monotonic()
    made = Rounds(operation, folder / f"{operation}-{kills}-{seed}", seed)
    seconds = made.prepare()
    return {**made.kill(kills, seconds), "takes": seconds, "seconds": time.monotonic() - started}


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        try:
            answer = rounds(Path(sys.argv[1]), **json.loads(line))
        except Exception:
            answer = {"failure": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
