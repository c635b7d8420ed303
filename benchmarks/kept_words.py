"""Do thresholds keep their word? Many draws of calibration and test images, by the functions that `calibrate` uses.

    python benchmarks/kept_words.py --cache FOLDER [CASE ...] [--draws 200] [--by prototype|knn] [--seed 0]

A CASE is "fashion:CLASS,CLASS" (these classes unseen; "fashion:Bag,Ankle boot" without one) or "glyphs"; its images are
embedded once. A JSON line a promise:

replaced: calibration images are drawn with replacement, so independently, from all images of the case, and the true
rate of a threshold is its rate on all of them, known without error. The promise of 95 % is exact here: `broken` of
`draws` go beyond the target, and `chance` is the share that does in theory, where there is a formula.
parted: calibration images are drawn without replacement, and the threshold is judged by the images that were not drawn.
These are few where the target is small, and their own chance adds to that of the threshold: one that keeps its word by
a hair is beyond the target on half of such test sets. `chance` is the hypergeometric one of both together, which may
be more than 5 %.
stand-ins: the threshold comes from left-out trained classes, and is judged by the unseen ones: how optimistic is that?

refused: draws on which `calibrate` would give no threshold. They promised nothing and broke nothing. `draws` counts
them, and so do the shares of draws; means, medians and quantiles are of the others, and null where there is none.
"""

import json
from collections.abc import Callable, Iterator

import numpy as np
from judged import Population, ranked_populations
from scipy.stats import binom, hypergeom
from unseen_classes import cases, embedded, parser

from lookalike.measures.intervals import clopper_pearson, most_events
from lookalike.search.calibrating.thresholds.choose import Chosen, choose
from lookalike.search.calibrating.thresholds.conformal import Conformal
from lookalike.search.calibrating.thresholds.criterion import Criterion
from lookalike.search.calibrating.thresholds.fpr import FalseAcceptRate
from lookalike.search.calibrating.thresholds.precision import Precision
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.store.errors import LookalikeError

CONFIDENCE = 0.95
RATES = ((0.05, 400), (0.01, 1000), (0.001, 6000))  # a false-accept rate and how many unknown images calibrate it
PRECISIONS, UNKNOWN_SHARE = ((0.9, 2000), (0.95, 4000), (0.99, 12_000)), 0.2
CONFORMAL, FEW = (0.1, 0.05, 0.01), 500
PER_CLASS = (0.05, 4000)


def main() -> None:
    """Print a line for each promise of each case."""
    asked = parser(__doc__, "fashion:Bag,Ankle boot")
    asked.add_argument("--draws", type=int, default=200)
    asked.add_argument("--by", choices=("prototype", "knn"), default="prototype")
    arguments = asked.parse_args()
    for case in cases(arguments.cases):
        population = ranked_populations(embedded(case, arguments.cache), arguments.by)
        facts = {"case": case.name, "by": arguments.by, **population.facts()}
        print(json.dumps(facts), flush=True)
        rng = np.random.default_rng(arguments.seed)
        for line in promises(population, arguments.draws, rng):
            print(json.dumps({"case": case.name, "by": arguments.by, **line}), flush=True)


def promises(population: Population, draws: int, rng: np.random.Generator) -> Iterator[dict]:
    """One line a promise."""
    for fpr, count in RATES:
        yield false_accepts(population, fpr, count, draws, rng)
        yield false_accepts_parted(population, fpr, count, draws, rng)
    yield false_accepts_per_class(population, *PER_CLASS, draws, rng)
    for precision, count in PRECISIONS:
        yield precise(population, precision, count, draws, rng)
    for share in CONFORMAL:
        for of in ("known", "unknown"):
            yield conformal(population, share, of, draws, rng)
    for fpr, _ in RATES:
        yield stand_ins(population, fpr)


def false_accepts(population: Population, fpr: float, count: int, draws: int, rng: np.random.Generator) -> dict:
    """`--fpr`, images drawn independently."""
    unknown = population.unseen
    rates = [
        unknown.accepted(made.threshold)
        for made in chosen(FalseAcceptRate(fpr), lambda: unknown.drawn(rng, count), draws, rng)
    ]
    choosing = FalseAcceptRate(fpr).part(count)
    broken = [rate > fpr + 1e-12 for rate in rates]
    # Broken is a cut beyond so many images of the population that the next one breaks the target: at most
    # `most_events` of the draws fall on these.
    beyond = int(np.floor(fpr * len(unknown.sample) + 1e-9)) + 1
    chance = binom.cdf(most_events(choosing, fpr), choosing, beyond / len(unknown.sample))
    return {
        "promise": "fpr", "target": fpr, "how": "replaced", "images": count, "choosing": choosing,
        **judged(broken, draws, chance), **spread(rates),
    }  # fmt: skip


def false_accepts_parted(population: Population, fpr: float, count: int, draws: int, rng: np.random.Generator) -> dict:
    """`--fpr`, tested on the unknown images that were not drawn."""
    unknown, others = population.unseen.sample, [np.zeros(0, int)]
    tests = max(0, len(unknown) - count)

    def drawn() -> Sample:
        order = rng.permutation(len(unknown))
        others[0] = order[count:]
        return unknown.take(order[:count])

    made = chosen(FalseAcceptRate(fpr), drawn, draws if tests else 0, rng, population.classes)
    rates = [float((unknown.distances[others[0]] <= np.float32(one.threshold)).mean()) for one in made]
    choosing = FalseAcceptRate(fpr).part(count)
    allowed = most_events(choosing, fpr)
    beyond = int(np.floor(fpr * tests + 1e-9)) + 1
    chance = hypergeom.cdf(allowed, choosing + tests, choosing, beyond + allowed) if tests else None
    return {
        "promise": "fpr", "target": fpr, "how": "parted", "images": count, "choosing": choosing, "tests": tests,
        **judged([rate > fpr + 1e-12 for rate in rates], draws, chance), **spread(rates),
    }  # fmt: skip


def false_accepts_per_class(
    population: Population, fpr: float, count: int, draws: int, rng: np.random.Generator
) -> dict:
    """`--fpr --per-class`: broken is a draw in which any class, or the group of the others, goes beyond the target."""
    unknown, broken, own = population.unseen, [], []
    for made in chosen(
        FalseAcceptRate(fpr), lambda: unknown.drawn(rng, count), draws, rng, population.classes, per_class=True
    ):
        rates = unknown.accepted_near(made.thresholds(population.classes), sorted(made.by_class))
        broken.append(max(rates) > fpr + 1e-12)
        own.append(len(made.by_class))
    return {
        "promise": "fpr", "target": fpr, "how": "replaced, per class", "images": count,
        **judged(broken, draws), "own thresholds": float(np.mean(own)) if own else None,
    }  # fmt: skip


def precise(population: Population, precision: float, count: int, draws: int, rng: np.random.Generator) -> dict:
    """`--precision`, a fifth of the images unknown."""
    values = [
        population.precision(made.threshold, UNKNOWN_SHARE)
        for made in chosen(Precision(precision), lambda: population.mixed(rng, count, UNKNOWN_SHARE), draws, rng)
    ]
    answered = [population.known.accepted(cut) for _, cut in values]
    reached = [value for value, _ in values]
    return {
        "promise": "precision", "target": precision, "how": "replaced", "images": count,
        "unknown share": UNKNOWN_SHARE, **judged([value < precision - 1e-12 for value in reached], draws),
        **spread(reached), "known answered": float(np.mean(answered)) if answered else None,
    }  # fmt: skip


def conformal(population: Population, share: float, of: str, draws: int, rng: np.random.Generator) -> dict:
    """`--conformal`: the mean of the true rates with its standard error, what it is in theory, and at most."""
    pool = population.known if of == "known" else population.unseen
    rates = [
        abs((of == "known") - pool.accepted(made.threshold))
        for made in chosen(Conformal(share, of), lambda: pool.drawn(rng, FEW), draws, rng)
    ]
    mean = float(np.mean(rates)) if rates else None
    error = float(np.std(rates, ddof=1) / np.sqrt(len(rates))) if len(rates) > 1 else None
    choosing = Conformal(share, of).part(FEW)
    rank, places = int((choosing + 1) * share + 1e-9), np.arange(len(pool.sample)) / len(pool.sample)
    # An image is refused (or accepted) where so many of the draws fall short of its place among all images.
    expected = binom.sf(choosing - rank, choosing, places)
    return {
        "promise": "conformal", "of": of, "target": share, "how": "replaced", "images": FEW, "choosing": choosing,
        "at_most": rank / (choosing + 1), "expected": float(expected.mean()), "draws": draws,
        "refused": draws - len(rates), "mean": mean, "standard_error": error,
        "kept": None if mean is None else mean <= share + 2 * (error or 0), **spread(rates),
    }  # fmt: skip


def stand_ins(population: Population, fpr: float) -> dict:
    """The threshold of all left-out images for this rate, and the rate at which it accepts unseen classes."""
    line = {"promise": "fpr", "target": fpr, "how": "stand-ins", "choosing": len(population.left_out.sample)}
    needed = FalseAcceptRate(fpr).needed()
    if min(len(population.left_out.sample), len(population.unseen.sample)) < needed:
        return {**line, "draws": 1, "refused": 1}
    made = FalseAcceptRate(fpr).choose(population.left_out.sample)
    true = population.unseen.accepted(made.threshold)
    honest = FalseAcceptRate(fpr).choose(population.unseen.sample)
    return {
        **line, "draws": 1, "refused": 0, "promised": made.chosen_on["bound"], "rate": true, "times": true / fpr,
        "threshold": made.threshold, "threshold by unseen": honest.threshold,
        "known refused": 1 - population.known.accepted(made.threshold),
        "known refused by unseen": 1 - population.known.accepted(honest.threshold),
    }  # fmt: skip


def chosen(
    criterion: Criterion,
    draw: Callable[[], Sample],
    draws: int,
    rng: np.random.Generator,
    classes: int = 1,
    per_class: bool = False,
) -> Iterator[Chosen]:
    """What `calibrate` chooses on each draw; nothing for one that it refuses."""
    for _ in range(draws):
        sample = draw()
        try:
            most = max(classes, int(sample.nearest.max()) + 1)
            yield choose(sample, criterion, most, per_class=per_class, seed=seed(rng))
        except LookalikeError:
            continue


def judged(broken: list[bool], draws: int, chance: float | None = None) -> dict:
    """How many draws broke the promise, with the 95 % interval of the share, and whether 5 % of them or fewer did.

    broken: for each of `draws` that was not refused; where all were, nothing was kept. consistent: no more than chance
    makes of 5 %, or of `chance` where that is more, in 999 of 1,000 cases.
    """
    count, promised = sum(broken), 1 - CONFIDENCE
    low, high = clopper_pearson(count, draws)
    likely = binom.ppf(0.999, draws, max(promised, chance or 0))
    return {
        "draws": draws, "refused": draws - len(broken), "broken": count, "share": count / draws, "low": low,
        "high": high, "chance": chance, "kept": bool(count <= promised * draws + 1e-9) if broken else None,
        "consistent": bool(count <= likely) if broken else None,
    }  # fmt: skip


def spread(rates: list[float]) -> dict:
    """Median and the middle 90 % of the true rates."""
    if not rates:
        return {"median": None, "p5": None, "p95": None}
    low, median, high = np.quantile(rates, (0.05, 0.5, 0.95))
    return {"median": float(median), "p5": float(low), "p95": float(high)}


def seed(rng: np.random.Generator) -> int:
    """A seed for the parts of one draw."""
    return int(rng.integers(1 << 31))


if __name__ == "__main__":
    main()
