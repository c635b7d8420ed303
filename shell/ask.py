"""Shell: search and classify."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from ..search.deciding.rank import WAYS
from ..search.deciding.vote import WEIGHTS
from ..search.neighbours.expand import Failed, expanded
from ..search.neighbours.nearest import neighbours
from ..search.neighbours.paths import paths_of_rows
from ..search.neighbours.queries import Asked, read_queries
from ..search.view import DEVICES, View
from ..store.errors import LookalikeError
from ..store.progress import silent
from ..store.work.fragments import cut
from .change import say_unreachable
from .mistaken import check_collection
from .output import Piped, bar, echo, emit_json, piped, say_path, shown

_BATCH = 256
_HIT = ("key", "label", "score", "distance", "path")


@click.command(short_help="Find the stored images most like each query.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many hits to give.")
@click.option("--exact", is_flag=True, help="Skip the index: compare with every stored vector.")
@click.option("--where", metavar="SQL", help="Only rows that meet it, such as \"label = 'shoe' and width > 200\".")
@click.option("--normalise", is_flag=True, help="Bring query vectors to length 1 instead of refusing others.")
@click.option(
    "--paths",
    is_flag=True,
    help="Give only the files of the hits, a line each, for a pipe; use --json where names hold line ends.",
)
@click.option("--sheet", metavar="FILE", help="Draw queries and hits as one picture, FILE.png or FILE.jpg.")
@click.option("--open", "show", is_flag=True, help="Show that picture.")
@click.option(
    "--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Where to search and encode."
)
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
    paths: bool,
    sheet: str | None,
    show: bool,
    device: str,
    as_json: bool,
) -> None:
    """Find the images of COLLECTION most like each QUERY: a line a hit, with its distance (0 to 2), key and [label].

    A QUERY is an image file, a folder of images, a quoted pattern such as 'new/*.jpg', a key of the collection
    (key:NAME where another file has that name), an .npy of vectors, or - for an image on standard input.

    --where takes an expression over the stored columns, without sub-selects. It may take 60 seconds and 1 GiB
    (LOOKALIKE_WHERE_TIME=5m, LOOKALIKE_WHERE_MEMORY=4G) and as many threads as OMP_NUM_THREADS says.
    """

    def answer(opened: View, asked: Asked) -> Iterator[dict[str, Any]]:
        found = neighbours(opened, asked, min(k, max(1, opened.store.rows)), where, exact)
        nothing: list[list[str | None]] = [[None] * found.rows.shape[1]] * len(found)
        files = found.paths() if as_json or paths else nothing
        for hits, where_kept in zip(found, files, strict=True):
            # Missing hits come last, and have no path.
            pairs = zip(hits, where_kept[: len(hits)], strict=True)
            yield {"hits": [dict(zip(_HIT, (*hit, path), strict=True)) for hit, path in pairs]}

    if show and sheet is None:
        raise click.UsageError("--open shows a contact sheet: say where to draw it with --sheet FILE")
    emit = emit_json if as_json else _path_printer(collection) if paths else _print_hits
    check_collection("search", collection, *query)
    with View.open(collection, device=device) as opened:
        queries = _piped_in(query)
        if sheet is None:
            ctx.exit(_answer_all(opened, queries, normalise, answer, emit))
        with _drawn(opened, Path(sheet), queries) as keep:
            failed = _answer_all(opened, queries, normalise, answer, lambda one: (emit(one), keep(one)))
    if show:
        from .opener import open_file

        open_file(Path(sheet))
    ctx.exit(failed)


@contextmanager
def _drawn(opened: View, path: Path, queries: Sequence[Any]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give what keeps answers, and draw them as a contact sheet at the end; a bad name is refused before any work."""
    from ..search.pictures.sheet import MOST, check_sheet, write_sheet
    from ..search.pictures.strips import Strips, missing_words

    check_sheet(path)
    strips = Strips(opened.store, next((query for query in queries if isinstance(query, Piped)), None))
    yield strips.add
    write_sheet(path, strips.drawn())
    if strips.left_out:
        echo(f"{shown(str(path))} leaves out {strips.left_out} hits: one sheet shows {MOST}", err=True)
    if strips.missing:
        echo(f"warning: {missing_words(strips.missing, str(path), str(opened.store.path))}", err=True)


@click.command(short_help="Say what each query is, or that it is unknown.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("--by", type=click.Choice(WAYS), default="prototype", show_default=True, help="What decides.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote (--by knn).")
@click.option(
    "--weights", type=click.Choice(WEIGHTS), default="uniform", show_default=True, help="How votes are weighted."
)
@click.option("--normalise", is_flag=True, help="Bring query vectors to length 1 instead of refusing others.")
@click.option("--paths", is_flag=True, help="Name each query by its file where it has one.")
@click.option(
    "--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Where to search and encode."
)
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
    paths: bool,
    device: str,
    as_json: bool,
) -> None:
    """Say what each QUERY is by the labelled images of COLLECTION, or that it is unknown.

    Unknown is what lies farther away than the threshold that `lookalike calibrate` chose; without one, nothing is. A
    QUERY is what `lookalike search` takes. The path in --json is the query's own image.
    """

    from ..search.deciding.classify import classify as decide

    def answer(opened: View, asked: Asked) -> list[dict[str, Any]]:
        made = decide(opened, asked, by=by, k=k, weights=weights, progress=progress).records(margins=as_json)
        files = _own_files(opened, asked) if as_json or paths else [None] * len(made)
        return [{**one, "path": file} for one, file in zip(made, files, strict=True)]

    fitting = bar("fit") if by == "linear" else nullcontext(silent)
    check_collection("classify", collection, *query)
    with View.open(collection, device=device) as opened, fitting as progress:
        ctx.exit(_answer_all(opened, _piped_in(query), normalise, answer, emit_json if as_json else _print_decision))


def _own_files(opened: View, asked: Asked) -> list[str | None]:
    """For each query its image's file: the one asked with, or where the source keeps the key's picture."""
    keys = [place for place, row in enumerate(asked.own.tolist()) if row >= 0 and asked.files[place] is None]
    files = list(asked.files)
    for place, path in zip(keys, paths_of_rows(opened.store, asked.own[keys]) if keys else [], strict=True):
        files[place] = path
    return files


def _piped_in(queries: Sequence[str]) -> list[Any]:
    """The queries, "-" replaced by what standard input holds, which is read once."""
    if "-" not in queries:
        return list(queries)
    try:
        given: Any = piped()
    except LookalikeError as error:
        given = Failed("-", error)
    return [given if query == "-" else query for query in queries]


def _answer_all(opened: View, queries: Sequence[Any], normalise: bool, answer: Any, emit: Any) -> int:
    """Answer in the order asked, a batch at a time; 1 where a query could not be read, else 0."""
    failed = 0
    for batch in cut(expanded(opened.store, queries), _BATCH):
        asked = read_queries(opened, batch, strict=False, normalise=normalise)
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


def _path_printer(collection: str) -> Callable[[dict[str, Any]], None]:
    """What prints the files of the hits; of the first that has none, the sources that cannot be read follow."""
    told = False

    def emit(answer: dict[str, Any]) -> None:
        nonlocal told
        if _print_paths(answer) and not told:
            told = True
            say_unreachable(collection)

    return emit


def _print_paths(answer: dict[str, Any]) -> int:
    """The files of the hits and nothing else on stdout; how many hits have none is counted on stderr and returned."""
    if "error" in answer:
        echo(f"{shown(answer['query'])}: error: {answer['error']}", err=True)
        return 0
    found = [hit["path"] for hit in answer["hits"] if hit["path"] is not None]
    for path in found:
        say_path(path)
    if without := len(answer["hits"]) - len(found):
        hits = "1 hit has no file" if without == 1 else f"{without} hits have no file"
        echo(f"{shown(answer['query'])}: {hits} that can be read now", err=True)
    return without


def _print_decision(answer: dict[str, Any]) -> None:
    if "error" in answer:
        echo(f"{shown(answer['query'])}: error: {shown(answer['error'])}", err=True)
        return
    query = shown(answer["path"] or answer["query"])
    name = "unknown" if answer["label"] is None else shown(answer["label"])
    if answer["nearest"] is None:
        echo(f"{query}: {name}")
        return
    limit = _limit(answer["threshold"])
    nearest = "" if answer["label"] else f"nearest {shown(answer['nearest'])}, "
    echo(f"{query}: {name}  ({nearest}distance {answer['distance']:.3f}, {limit})")


def _limit(threshold: float | None) -> str:
    """What a distance was held against, in words."""
    if threshold is None:
        return "no threshold: run lookalike calibrate"
    return "no threshold kept the bound" if threshold < 0 else f"threshold {threshold:.3f}"
