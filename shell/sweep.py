"""`lookalike sweep`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store.disk.replace import check_replaceable, replace_file
from ..store.errors import LookalikeError
from ..store.shown import shown
from .output import aligned, bar, echo, emit_json, source_options

if TYPE_CHECKING:
    from ..embedder.training.sweep import Run


@click.command(short_help="Train a recipe with varied settings, and say where the gain stops.")
@click.argument("recipe")
@click.option(
    "--vary", "varied", metavar="KEY=V1,V2", multiple=True, required=True,
    help="A key and its values, such as model.dim=16,64; several: every combination.",
)  # fmt: skip
@click.option(
    "--out", metavar="FOLDER", type=click.Path(path_type=Path), default=Path("lookalike-sweep"), show_default=True,
    help="Where the models go, and sweep.svg; finished ones there are not trained again.",
)  # fmt: skip
@click.option("--data", metavar="SOURCE", help="A labelled source instead of the recipe's data.source.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a key for all runs.")
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="Where.")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Answer one JSON object a run, and one a gain.")
@click.pass_context
def sweep(
    ctx: click.Context,
    recipe: str,
    varied: tuple[str, ...],
    out: Path,
    data: str | None,
    overrides: tuple[str, ...],
    device: str,
    as_json: bool,
    exclude: tuple[str, ...],
    **options: Any,
) -> None:
    """Train RECIPE once with each combination of the varied settings, and score all on the same validation images.

    Prints MAP@R and what it costs: seconds of training, bytes of a vector, time to encode an image. A value from which
    on a larger one gains nothing that the validation images can tell is named. Running it again goes on with what is
    missing.
    """
    from ..embedder.sources import SourceOptions
    from ..embedder.training.gain import gains
    from ..embedder.training.sweep import combinations
    from ..embedder.training.sweep import sweep as run_all

    planned = combinations(recipe, varied, overrides)
    picture = out / "sweep.svg"
    if out.exists():
        check_replaceable(picture)
    runs = []
    with bar("sweep") as progress:
        read = SourceOptions(exclude, **options)
        for run in run_all(planned, out, data=data, device=device, progress=progress, options=read):
            runs.append(run)
            if as_json:
                emit_json(run.to_json())
    if as_json:
        for gain in gains(runs):
            emit_json({"gain": asdict(gain)})
    else:
        _tell(runs)
    _draw(runs, picture)
    if any(run.error for run in runs):
        ctx.exit(1)


def _tell(runs: "Sequence[Run]") -> None:
    from ..embedder.training.gain import best_of, gains

    head = [*runs[0].settings, "MAP@R", "recall@1", "train s", "bytes", "us/image", ""]
    best = best_of(runs)
    for line in aligned(head, [[*_cells(run), "best" if run is best else shown(run.error or "")] for run in runs]):
        echo(line)
    for gain in gains(runs):
        echo(str(gain))


def _cells(run: "Run") -> list[str]:
    numbers = (
        ("{:.4f}", run.map_at_r), ("{:.4f}", run.recall_at_1), ("{:.0f}", run.seconds), ("{}", run.vector_bytes),
        ("{:.0f}", run.encode_us),
    )  # fmt: skip
    return [*map(str, run.settings.values()), *("" if value is None else form.format(value) for form, value in numbers)]


def _draw(runs: "Sequence[Run]", picture: Path) -> None:
    """Leave the picture, or say why there is none: the table stands without it."""
    from ..embedder.training.sweep_plot import plot

    try:
        replace_file(picture, plot(runs))
    except LookalikeError as error:
        echo(f"no picture: {shown(str(error))}", err=True)
    else:
        echo(f"drawn in {shown(str(picture))}", err=True)
