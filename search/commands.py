"""Shell: search and classify."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from ..store.progress import silent
from ..store.shell import bar, echo, emit_json, shown
from . import view
from .collection import Collection
from .queries import Asked
from .rank import WAYS, WEIGHTS

_BATCH = 256
DEVICES = click.Choice(view.DEVICES)


@click.command(short_help="Find the stored images most like each query.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many hits to give.")
@click.option("--exact", is_flag=True, help="Pass the index by and compare with every stored vector.")
@click.option("--where", metavar="SQL", help="Only rows that meet it, such as \"label = 'shoe' and width > 200\".")
@click.option("--normalise", is_flag=True, help="Bring query vectors to length 1 instead of refusing others.")
@click.option("--sheet", metavar="FILE", help="Draw queries and hits as one picture, FILE.png or FILE.jpg.")
@click.option("--open", "show", is_flag=True, help="Show that picture.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="Where to search and encode.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a query.")
@click.pass_context
def search(
    ctx: click.Context,
    collection: str,
    query: tuple[str, ...],
    k: int,
    exact: bool,
    where: str | None,
    normalise: bool,
    sheet: str | None,
    show: bool,
    device: str,
    as_json: bool,
) -> None:
    """Find the images of COLLECTION most like each QUERY: a line a hit, with its distance (0 to 2), key and [label].

    A QUERY is an image file, a key of the collection (key:NAME where a file has that name too) or an .npy of vectors.

    --where takes an expression over the stored columns, without sub-selects. It may take 60 seconds and 1 GiB
    (LOOKALIKE_WHERE_TIME=5m, LOOKALIKE_WHERE_MEMORY=4G) and as many threads as OMP_NUM_THREADS says.
    """

    def answer(opened: Collection, asked: Asked) -> Iterator[dict[str, Any]]:
        for hits in opened.neighbours(asked, min(k, max(1, len(opened))), where, exact):
            yield {
                "hits": [
                    {"key": key, "label": label, "score": score, "distance": distance}
                    for key, label, score, distance in hits
                ]
            }

    if show and sheet is None:
        raise click.UsageError("--open shows a contact sheet: say where to draw it with --sheet FILE")
    emit = emit_json if as_json else _print_hits
    with Collection.open(collection, device=device) as opened:
        if sheet is None:
            ctx.exit(_answer_all(opened, query, normalise, answer, emit))
        with _drawn(opened, Path(sheet)) as keep:
            failed = _answer_all(opened, query, normalise, answer, lambda one: (emit(one), keep(one)))
    if show:
        from .opener import open_file

        open_file(Path(sheet))
    ctx.exit(failed)


@contextmanager
def _drawn(opened: Collection, path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give what keeps answers, and draw them as a contact sheet at the end; a bad name is refused before any work."""
    from .sheet import MOST, check_sheet, write_sheet
    from .strips import Strips

    check_sheet(path)
    strips = Strips(opened.store)
    yield strips.add
    write_sheet(path, strips.drawn())
    if strips.left_out:
        echo(f"{shown(str(path))} leaves out {strips.left_out} hits: one sheet shows {MOST}", err=True)


@click.command(short_help="Say what each query is, or that it is unknown.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("--by", type=click.Choice(WAYS), default="prototype", show_default=True, help="What decides.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote (--by knn).")
@click.option("--weights", type=click.Choice(WEIGHTS), default="uniform", show_default=True, help="Of the votes.")
@click.option("--normalise", is_flag=True, help="Bring query vectors to length 1 instead of refusing others.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="Where to search and encode.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a query.")
@click.pass_context
def classify(
    ctx: click.Context,
    collection: str,
    query: tuple[str, ...],
    by: str,
    k: int,
    weights: str,
    normalise: bool,
    device: str,
    as_json: bool,
) -> None:
    """Say what each QUERY is by the labelled images of COLLECTION, or that it is unknown.

    Unknown is what lies farther away than the threshold that `lookalike calibrate` chose; without one, nothing is.
    """

    def answer(opened: Collection, asked: Asked) -> list[dict[str, Any]]:
        return opened.classify(asked, by, k=k, weights=weights, progress=progress).records(margins=as_json)

    fitting = bar("fit") if by == "linear" else nullcontext(silent)
    with Collection.open(collection, device=device) as opened, fitting as progress:
        ctx.exit(_answer_all(opened, query, normalise, answer, emit_json if as_json else _print_decision))


def _answer_all(opened: Collection, queries: tuple[str, ...], normalise: bool, answer: Any, emit: Any) -> int:
    """Answer in the order asked, a batch at a time; 1 where a query could not be read, else 0."""
    failed = 0
    for first in range(0, len(queries), _BATCH):
        asked = opened.ask(list(queries[first : first + _BATCH]), strict=False, normalise=normalise)
        answers = list(answer(opened, asked)) if asked.names else []
        for place in asked.order:
            if place >= 0:
                emit({"query": asked.names[place], **answers[place]})
            else:
                name, reason = asked.failed[-1 - place]
                emit({"query": name, "error": reason})
                failed = 1
    return failed


def _print_hits(answer: dict[str, Any]) -> None:
    echo(shown(answer["query"]))
    if "error" in answer:
        echo(f"  error: {shown(answer['error'])}", err=True)
    for hit in answer.get("hits", []):
        echo(f"  {hit['distance']:.3f}  {shown(hit['key'])}" + (f"  [{shown(hit['label'])}]" if hit["label"] else ""))


def _print_decision(answer: dict[str, Any]) -> None:
    if "error" in answer:
        echo(f"{shown(answer['query'])}: error: {shown(answer['error'])}", err=True)
        return
    name = "unknown" if answer["label"] is None else shown(answer["label"])
    if answer["nearest"] is None:
        echo(f"{shown(answer['query'])}: {name}")
        return
    limit = _limit(answer["threshold"])
    nearest = "" if answer["label"] else f"nearest {shown(answer['nearest'])}, "
    echo(f"{shown(answer['query'])}: {name}  ({nearest}distance {answer['distance']:.3f}, {limit})")


def _limit(threshold: float | None) -> str:
    """What a distance was held against, in words."""
    if threshold is None:
        return "no threshold: run lookalike calibrate"
    return "no threshold kept the bound" if threshold < 0 else f"threshold {threshold:.3f}"
