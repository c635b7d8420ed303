"""The command group: names and one-line help texts only; the module of a command is imported when it is called.

`lookalike --help` must load click and nothing heavier, so each short help text is repeated here (a test compares them).
"""

import importlib
import os
import signal
import sys
import traceback
import warnings
from typing import Any

import click
from click.shell_completion import CompletionItem

from . import __version__
from .shell.terminal.streams import (
    NobodyReads,
    flush_result,
    guard_streams,
    lines_of,
    note,
    notes_lost,
    release_streams,
    write_note,
)
from .store.errors import LookalikeError, LookalikeWarning

COMMANDS = {
    "demo": ("demo:demo", "Take the tour: train, embed, index, calibrate and query, on real images."),
    "train": ("train:train", "Train an encoder from a recipe."),
    "sweep": ("train:sweep", "Train a recipe with several settings and compare the results."),
    "embed": ("change:embed", "Bring a collection up to date with a source of images."),
    "move": ("change:move", "Record that a source of images has moved."),
    "import": ("change:import_", "Add vectors that another program computed."),
    "index": ("change:index", "Build or extend the index of a collection."),
    "search": ("ask:search", "Find the stored images most similar to each query."),
    "classify": ("ask:classify", "Predict the class of each query, or say that it is unknown."),
    "calibrate": ("measure:calibrate", "Choose the distance beyond which an image is unknown."),
    "evaluate": ("measure:evaluate", "Measure how well a collection recognises labelled images."),
    "compare": ("compare:compare", "Decide whether two images show the same class."),
    "prototypes": ("prototypes:prototypes", "List the class prototypes, or change how they are computed."),
    "cluster": ("cluster:cluster", "Group similar images without using their labels."),
    "bench": ("measure:bench", "Measure the recall and latency of the index."),
    "report": ("report:report", "Write an HTML report on the quality of a collection."),
    "rejects": ("rejects:rejects", "List the images that could not be embedded, and why."),
    "remove": ("change:remove", "Remove images by key."),
    "info": ("upkeep:info", "Show what a collection contains."),
    "verify": ("upkeep:verify", "Check every file and report damage."),
    "rollback": ("upkeep:rollback", "Publish an older version as the newest."),
    "gc": ("upkeep:gc", "Delete files that no current version needs."),
    "export": ("upkeep:export", "Write keys, labels and vectors to one file."),
}


class LazyGroup(click.Group):
    """A click group whose commands are imported one at a time, when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command `name`; None where there is no such command."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        return getattr(importlib.import_module(f".shell.{module}", __package__), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, and suggest a command where the name is unknown."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from .shell.mistaken import meant, meant_by_path

            offered = meant_by_path(args) or meant(args[0], list(COMMANDS))
            raise click.UsageError(f"no command {args[0]!r}{offered}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, without importing any command."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name][1]) for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List names and short help texts without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lookalike")
@click.option("--debug", is_flag=True, help="Show the traceback if there is an error.")
def cli(debug: bool) -> None:
    """Find pictures that look alike, and say what they are, or that they are unknown."""


def _say_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Print our own warnings as one line on stderr; warnings of libraries are not shown."""
    if issubclass(category, LookalikeWarning):
        note(f"warning: {message}")


def _terminate(*_: Any) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> int:
    note(f"lookalike: {message}")
    return code


def _usage(error: click.ClickException) -> str:
    """Describe in one line what is wrong with a command line, and what to do."""
    from .shell.mistaken import meant_by_arguments

    context = error.ctx if isinstance(error, click.UsageError) else None
    message = " ".join(error.format_message().split())
    hint = meant_by_arguments(context.info_name if context else None, message)
    path = context.command_path if context else "lookalike"
    return f"{message.removesuffix('.') if hint else message}{hint} (see {path} --help)"


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status: 0 only if it succeeded and all its output was written."""
    try:
        code = _run(arguments)
        if code == 0:
            flush_result()
    except (NobodyReads, BrokenPipeError):
        return 141
    except LookalikeError as error:  # the last part of the result could not be written
        return _fail(str(error), error.exit_code)
    return code or int(notes_lost())


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        # Removed here, so that --debug is also accepted after the command, where people add it after an error.
        rest = [argument for argument in arguments if argument != "--debug"]
        result = cli.main(rest, prog_name="lookalike", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        write_note(error.format_message() + "\n")
        return error.exit_code
    except click.ClickException as error:
        return _fail(_usage(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", 130)
    except (NobodyReads, BrokenPipeError):
        raise
    except Exception as error:
        if debug:
            write_note(lines_of(traceback.format_exc()))
        if isinstance(error, LookalikeError):
            return _fail(str(error), error.exit_code)
        from .store.disk.memory import is_out_of_memory, no_memory

        if is_out_of_memory(error):
            return _fail(no_memory(error), 1)
        return _fail(
            f"{type(error).__name__}: {error} (a bug in lookalike; --debug shows where)".replace("\n", " "),
            1,
        )


def _end(code: int) -> None:
    """Exit; at once if a --where condition still runs, because nothing can stop its thread."""
    release_streams()
    limits = sys.modules.get(f"{__package__}.store.version.conditions.limits")
    if limits is not None and limits.left_running():
        os._exit(code)
    sys.exit(code)


def main() -> None:
    """The console script."""
    guard_streams()
    # Rust libraries (safetensors) print a backtrace when memory runs out, and hang because that needs memory too.
    os.environ["RUST_BACKTRACE"] = "0"
    if sys.platform not in ("linux", "darwin"):
        sys.exit(f"lookalike runs on Linux and macOS, not on {sys.platform}")
    warnings.showwarning = _say_warning
    signal.signal(signal.SIGTERM, _terminate)
    _end(run(sys.argv[1:]))
