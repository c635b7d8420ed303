"""`lookalike compare`."""

import click

from ..store.errors import LookalikeError
from .options import device_option
from .output import echo, emit_json, piped, shown


@click.command(short_help="Decide whether two images show the same class.")
@click.argument("a")
@click.argument("b")
@click.option("--model", required=True, metavar="MODEL", help='Folder of a trained model, or "pretrained".')
@click.option(
    "--threshold", type=click.FloatRange(0, 2), help="Distance to use in place of the threshold stored with MODEL."
)
@device_option("encodes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def compare(
    ctx: click.Context, a: str, b: str, model: str, threshold: float | None, device: str, as_json: bool
) -> None:
    """Decide whether the images A and B show the same class.

    The distance between their vectors by MODEL is compared with a threshold. A or B can be -, for an image on standard
    input.

    Training chooses the threshold on pairs of validation images and stores it with MODEL, together with the share of
    pairs that it decides wrongly.
    """
    from ..embedder.encoders.compare import compare as compared
    from ..embedder.encoders.load import load_encoder

    encoder = load_encoder(model, device=device)
    try:
        given = piped() if "-" in (a, b) else b""
        first, second = (given if name == "-" else name for name in (a, b))
        comparison = compared(first, second, encoder, threshold=threshold)
    except LookalikeError as error:
        if not as_json:
            raise
        emit_json({"a": a, "b": b, "error": str(error)})
        ctx.exit(1)
    if as_json:
        emit_json(comparison.to_json())
    else:
        echo(str(comparison))
    if comparison.threshold is None:
        echo(
            f"{shown(model)} has no stored threshold: give one with --threshold T, or train with validation images",
            err=True,
        )
