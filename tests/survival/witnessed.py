"""The shell's command in a process of its own that notes each commit: `python -m ... NOTES MODE ARGUMENT...`.

MODE is the seconds between the commits of `embed`, or "hold": stop at the first commit, and keep the writer's lock
until stdin closes.
"""

import sys
from pathlib import Path


def main() -> None:
    from lookalike import cli

    from . import witness

    notes, mode, *arguments = sys.argv[1:]
    if mode == "hold":
        witness.watch(Path(notes), lambda version: (print("held", flush=True), sys.stdin.read()))
    else:
        from lookalike.embedder.syncing import driver

        driver.COMMIT_SECONDS = float(mode)
        witness.watch(Path(notes))
    sys.argv = ["lookalike", *arguments]
    cli.main()


if __name__ == "__main__":
    main()
