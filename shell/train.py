"""The commands train and sweep."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store.disk.replace import check_replaceable, replace_file
from ..store.errors import LookalikeError
from .options import device_option, source_options
from .output import bar, echo, emit_json, say_next, shown, table

if TYPE_CHECKING:
    from ..embedder.training.folder import TrainCard
    from ..embedder.training.sweeping.sweep import Run


class _WithData(click.Command):
    """A command that explains --data if a source of images is given as an argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, and name the missing option."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(f"{error.message}: give a source of images with --data", ctx) from None


@click.command(cls=_WithData, short_help="Train an encoder from a recipe.")
@click.argument("recipe")
@click.option(
    "--out", required=True, metavar="MODEL", type=click.Path(path_type=Path), help="Folder to write the encoder to."
)
@click.option("--data", metavar="SOURCE", help="Labelled images to use instead of the recipe's data.source.")
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting, such as training.steps=500."
)
@click.option("--resume", is_flag=True, help="Continue the unfinished training in MODEL.")
@device_option("trains")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def train(
    recipe: str,
    out: Path,
    data: str | None,
    overrides: tuple[str, ...],
    resume: bool,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an encoder from RECIPE: a TOML file, or the name of a recipe that comes with lookalike."""
    from ..embedder.recipe.recipe import load_recipe
    from ..embedder.syncing.notes import in_words
    from ..embedder.training.train import train as run

    loaded = load_recipe(recipe, overrides)
    try:
        with bar("train") as progress:
            card = run(loaded, out, data=data, resume=resume, progress=progress, device=device, **options)
    except KeyboardInterrupt:
        echo(_kept(out), err=True)
        raise
    if as_json:
        emit_json(card.to_json())
    else:
        _print_card(card)
        say_next("embed", "COLLECTION", "PHOTOS", "--model", str(out))
    if card.reasons:
        echo(
            f"skipped {card.rejected:,} {'image' if card.rejected == 1 else 'images'}: {shown(in_words(card.reasons))}",
            err=True,
        )
    for note in card.notes:
        echo(shown(note), err=True)


_SCORES = {"recall_at_1": "recall@1", "map_at_r": "MAP@R"}


def _print_card(card: "TrainCard") -> None:
    """Print the result of a training in a few lines."""
    from ..embedder.encoders.same_or_different import SameOrDifferent

    left_out = "".join(
        f", {n} {what}" for n, what in ((card.unlabelled, "unlabelled"), (card.rejected, "rejected")) if n
    )
    echo(f"{shown(card.model)}: {card.dim} dimensions, {card.precision}, {len(card.training_classes)} classes learned")
    echo(
        f"{card.images} images{left_out}; {card.steps} steps in {card.seconds:.0f} s, best after step {card.best_step}"
    )
    images = "images" if card.validation_images is None else f"{card.validation_images} images"
    measured = [
        f"{said} {card.scores[name]:.4f}" for name, said in _SCORES.items() if card.scores.get(name) is not None
    ]
    echo(f"on {images} kept out of training: {', '.join(measured) or 'nothing could be measured'}")
    if untrained := card.scores.get("untrained"):
        echo(_against_untrained(untrained["recall_at_1"], card.scores.get("recall_at_1")))
    before, after = card.history[0].get("gap"), card.scores.get("gap")
    if before is not None and after is not None and card.steps:
        echo(f"mean distance between classes minus within classes: {after:.3f} ({before:.3f} before training)")
    if stored := card.scores.get("same_or_different"):
        for line in SameOrDifferent(**stored).lines():
            echo(line)


def _against_untrained(before: float | None, after: float | None) -> str:
    """Compare this model with the pretrained network before training."""
    if before is None or after is None:
        return "the untrained pretrained network cannot be compared: no class has two images kept out of training"
    verdict = "better" if after > before else "as good as" if after == before else "worse"
    than = "no training" if after == before else "than no training"
    what = f"the untrained pretrained network: recall@1 {before:.4f}; this model: {after:.4f}: it is {verdict} {than}"
    return what if after > before else f"{what}; use --model pretrained, or train longer"


def _kept(out: Path) -> str:
    """Say what remains after an interrupted training."""
    from ..embedder.encoders import files as encoder_file
    from ..embedder.training import checkpoint

    if (out / encoder_file.CARD).exists():
        return f"the encoder in {shown(str(out))} is complete"
    if checkpoint.exists(out):
        try:
            return f"interrupted; use --resume to continue from step {checkpoint.read_notes(out)['step']}"
        except LookalikeError as error:
            return f"interrupted; {error}"
    return "interrupted before the first checkpoint: nothing was saved"


@click.command(short_help="Train a recipe with several settings and compare the results.")
@click.argument("recipe")
@click.option(
    "--vary", "varied", metavar="KEY=V1,V2", multiple=True, required=True,
    help="A setting and its values, such as model.dim=16,64; repeat it to try every combination.",
)  # fmt: skip
@click.option(
    "--out", metavar="FOLDER", type=click.Path(path_type=Path), default=Path("lookalike-sweep"), show_default=True,
    help="Folder for the models and sweep.svg; finished models there are not trained again.",
)  # fmt: skip
@click.option("--data", metavar="SOURCE", help="Labelled images to use instead of the recipe's data.source.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting for all runs.")
@device_option("trains")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run, and one per gain.")
@click.pass_context
def sweep(
    ctx: click.Context,
    /,
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
    """Train RECIPE once with each combination of the varied settings, and compare all on the same validation images.

    Prints MAP@R and the costs: seconds of training, bytes per vector, time to encode an image. Names the smallest value
    beyond which larger ones bring no measurable gain. Run it again to continue with the missing models.
    """
    from ..embedder.sources import SourceOptions
    from ..embedder.training.sweeping.gain import gains
    from ..embedder.training.sweeping.sweep import combinations
    from ..embedder.training.sweeping.sweep import sweep as run_all

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
    from ..embedder.training.sweeping.gain import best_of, gains

    head = [*runs[0].settings, "MAP@R", "recall@1", "train s", "bytes", "us/image", ""]
    best = best_of(runs)
    for line in table(head, [[*_cells(run), "best" if run is best else shown(run.error or "")] for run in runs]):
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
    """Write the picture, or say why there is none: the table is complete without it."""
    from ..embedder.training.sweeping.plot import plot

    try:
        replace_file(picture, plot(runs))
    except LookalikeError as error:
        echo(f"no picture: {shown(str(error))}", err=True)
    else:
        echo(f"wrote the picture {shown(str(picture))}", err=True)
