"""The commands search and classify."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from ..search.neighbours.expand import Failed, expanded
from ..search.neighbours.nearest import neighbours
from ..search.neighbours.paths import paths_of_rows
from ..search.neighbours.queries import Queries, read_queries
from ..search.view import View
from ..store.errors import LookalikeError
from ..store.progress import silent
from ..store.work.fragments import cut
from .change import say_unreachable
from .mistaken import check_collection
from .options import device_option, rule_option, vote_options
from .output import Piped, bar, echo, emit_json, piped, say_path, shown

_BATCH = 256
_HIT = ("key", "label", "score", "distance", "path")


@click.command(short_help="Find the stored images most similar to each query.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Number of hits per query.")
@click.option("--exact", is_flag=True, help="Skip the index: compare with every stored vector.")
@click.option(
    "--where",
    metavar="SQL",
    help="Only search rows that meet this condition, such as \"label = 'shoe' and width > 200\".",
)
@click.option("--normalise", is_flag=True, help="Scale query vectors to length 1 instead of refusing other lengths.")
@click.option(
    "--paths",
    is_flag=True,
    help="Print only the files of the hits, one per line, for a pipe; use --json if names contain line breaks.",
)
@click.option("--sheet", metavar="FILE", help="Draw the queries and their hits as one picture, FILE.png or FILE.jpg.")
@click.option("--open", "show", is_flag=True, help="Open the picture of --sheet.")
@device_option("searches and encodes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per query.")
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
    """Find the images of COLLECTION that are most similar to each QUERY.

    Each hit is one line with its distance (0 to 2), its key and its [label].

    A QUERY is an image file, a folder of images, a quoted pattern such as 'new/*.jpg', a key of the collection
    (key:NAME where another file has that name), an .npy file of vectors, or - for an image on standard input.

    --where takes an SQL expression over the stored columns, without sub-selects. It may use 60 seconds, 1 GiB of
    memory and OMP_NUM_THREADS threads; LOOKALIKE_WHERE_TIME=5m and LOOKALIKE_WHERE_MEMORY=4G raise these limits.
    """

    def answer(opened: View, queries: Queries) -> Iterator[dict[str, Any]]:
        results = neighbours(opened, queries, min(k, max(1, opened.store.rows)), where, exact)
        nothing: list[list[str | None]] = [[None] * results.rows.shape[1]] * len(results)
        files = results.paths() if as_json or paths else nothing
        for hits, paths_of_hits in zip(results, files, strict=True):
            # Missing hits come last, and have no path.
            pairs = zip(hits, paths_of_hits[: len(hits)], strict=True)
            yield {"hits": [dict(zip(_HIT, (*hit, path), strict=True)) for hit, path in pairs]}

    if show and sheet is None:
        raise click.UsageError("--open shows the picture that --sheet draws: add --sheet FILE")
    emit = emit_json if as_json else _path_printer(collection) if paths else _print_hits
    check_collection("search", collection, *query)
    with View.open(collection, device=device) as opened:
        queries = _piped_in(query)
        if sheet is None:
            ctx.exit(_answer_all(opened, queries, normalise, answer, emit))
        with _drawn(opened, Path(sheet), queries) as keep:
            failed = _answer_all(opened, queries, normalise, answer, lambda one: (emit(one), keep(one)))
    if show:
        from .terminal.opener import open_file

        open_file(Path(sheet))
    ctx.exit(failed)


@contextmanager
def _drawn(opened: View, path: Path, queries: Sequence[Any]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield a function that collects answers; draw them as a contact sheet at the end. Bad file names raise at once."""
    from ..search.pictures.sheet import MOST, check_sheet, write_sheet
    from ..search.pictures.strips import Strips, missing_words

    check_sheet(path)
    strips = Strips(opened.store, next((query for query in queries if isinstance(query, Piped)), None))
    yield strips.add
    write_sheet(path, strips.drawn())
    if strips.left_out:
        echo(f"{shown(str(path))} leaves out {strips.left_out} hits: one sheet shows at most {MOST} pictures", err=True)
    if strips.missing:
        echo(f"warning: {missing_words(strips.missing, str(path), str(opened.store.path))}", err=True)


@click.command(short_help="Predict the class of each query, or say that it is unknown.")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@rule_option
@vote_options
@click.option("--normalise", is_flag=True, help="Scale query vectors to length 1 instead of refusing other lengths.")
@click.option("--paths", is_flag=True, help="Print the file of each query in place of its name, if it has one.")
@device_option("searches and encodes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per query.")
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
    """Predict the class of each QUERY from the labelled images of COLLECTION, or say that it is unknown.

    A query is unknown if it is farther away than the threshold that `lookalike calibrate` chose. Without a threshold,
    every query gets a label. QUERY takes the same forms as in `lookalike search`. The path in --json is the file of the
    query itself.
    """

    from ..search.deciding.classify import classify as decide

    def answer(opened: View, queries: Queries) -> list[dict[str, Any]]:
        decisions = decide(opened, queries, by=by, k=k, weights=weights, progress=progress).records(margins=as_json)
        files = _query_files(opened, queries) if as_json or paths else [None] * len(decisions)
        return [{**one, "path": file} for one, file in zip(decisions, files, strict=True)]

    fitting = bar("fit") if by == "linear" else nullcontext(silent)
    check_collection("classify", collection, *query)
    with View.open(collection, device=device) as opened, fitting as progress:
        ctx.exit(_answer_all(opened, _piped_in(query), normalise, answer, emit_json if as_json else _print_decision))


def _query_files(opened: View, queries: Queries) -> list[str | None]:
    """The image file of each query: the file given as the query, or the file that the source has for a key."""
    keys = [place for place, row in enumerate(queries.excluded.tolist()) if row >= 0 and queries.files[place] is None]
    files = list(queries.files)
    for place, path in zip(keys, paths_of_rows(opened.store, queries.excluded[keys]) if keys else [], strict=True):
        files[place] = path
    return files


def _piped_in(queries: Sequence[str]) -> list[Any]:
    """The queries, with "-" replaced by the content of standard input, which is read once."""
    if "-" not in queries:
        return list(queries)
    try:
        given: Any = piped()
    except LookalikeError as error:
        given = Failed("-", error)
    return [given if query == "-" else query for query in queries]


def _answer_all(opened: View, queries: Sequence[Any], normalise: bool, answer: Any, emit: Any) -> int:
    """Answer the queries in order, one batch at a time; return 1 if a query could not be read, else 0."""
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
    """A function that prints the files of hits, and once, if a file is missing, the sources that cannot be read."""
    reported = False

    def emit(answer: dict[str, Any]) -> None:
        nonlocal reported
        if _print_paths(answer) and not reported:
            reported = True
            say_unreachable(collection)

    return emit


def _print_paths(answer: dict[str, Any]) -> int:
    """Print only the files of the hits on stdout; count hits without a file on stderr and return their number."""
    if "error" in answer:
        echo(f"{shown(answer['query'])}: error: {answer['error']}", err=True)
        return 0
    files = [hit["path"] for hit in answer["hits"] if hit["path"] is not None]
    for path in files:
        say_path(path)
    if without := len(answer["hits"]) - len(files):
        hits = "1 hit has no file that" if without == 1 else f"{without} hits have no file that"
        echo(f"{shown(answer['query'])}: {hits} can be read now", err=True)
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
    """The threshold that a distance was compared with, in words."""
    if threshold is None:
        return "no threshold: run lookalike calibrate"
    return "no threshold meets the bound" if threshold < 0 else f"threshold {threshold:.3f}"
