"""What 99 % triplet accuracy does not say: one model's right triplets, right answers and answers to the unknown.

    python benchmarks/story.py --cache FOLDER [CASE ...] [--seed 0]

A CASE is "fashion:CLASS,CLASS" or "glyphs" (unseen_classes.py): the model and the collection know nothing of the unseen
classes. Half of the other known images and of the unseen ones calibrate, the other halves ask; everything is asked of
the collection itself, as a user would, by the nearest prototype.

triplets: of all (image, one of its class, one of another) among the asking images, the share whose like pair is nearer.
Then for each threshold the shares of unseen images that got a label, of known ones that were refused, and of known ones
that were answered right. "same or different" is the distance at which `lookalike compare` tells pairs apart: there the
two error rates of validation images are equal. "keeps 95 %" is the one within which 95 % of the known images lie. Both
look at known images alone, as one must who has no others. "--fpr F, CLASS" calibrates with that one unseen class, and
is asked with the others: its promise is about images of the kind it was given.
"""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from unseen_classes import Pixels, cases, embedded, parser

from lookalike import Collection
from lookalike.embedder.encoders.compare import stored_threshold
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.measures.open_set import auroc
from lookalike.measures.verification import auc_between
from lookalike.search.deciding.decisions import Decisions
from lookalike.store.errors import LookalikeError

RATES = (0.05, 0.01)


def main() -> None:
    """Tell the story of each case."""
    arguments = parser(__doc__, "fashion:Shirt,Sneaker").parse_args()
    for case in cases(arguments.cases):
        vectors = embedded(case, arguments.cache)["known"][0]
        story = Story(case.load(), vectors, case.folder(arguments.cache) / "model", arguments.seed)
        print(f"\n{case.name}", flush=True)
        for line in story.told():
            print(line, flush=True)


class Story:
    """One collection of the stored images, and halves of the known and of the unseen ones.

    vectors: unit rows (known images, d) float32, for triplets alone.
    """

    def __init__(self, pixels: Pixels, vectors: np.ndarray, model: Path, seed: int) -> None:
        self.pixels, self.model = pixels, model
        rng = np.random.default_rng(seed)
        known, unseen = (rng.permutation(np.flatnonzero(pixels.part == part)) for part in (1, 2))
        self.calibrating = [known[: len(known) // 2], unseen[: len(unseen) // 2]]
        self.known, self.unseen = known[len(known) // 2 :], unseen[len(unseen) // 2 :]
        place = np.searchsorted(np.flatnonzero(pixels.part == 1), known)  # its row in `vectors`
        self.asking = vectors[place[len(place) // 2 :]]

    def told(self) -> Iterator[str]:
        """The lines of the story."""
        labels = self.pixels.labels
        yield f"  triplets right              {triplets_right(self.asking, labels[self.known]):.4f}"
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            with Collection.create(self.folder / "collection") as shop:
                shop.embed(self.table(np.flatnonzero(self.pixels.part == 0)), model=self.model)
                shop.index()
                yield from self.asked(shop)

    def asked(self, shop: Collection) -> Iterator[str]:
        """What the collection answers, before and after it is calibrated."""
        known, unseen = self.ask(shop, self.known), self.ask(shop, self.unseen)
        far = auroc(known.distances, unseen.distances)
        yield f"  known images answered right {self.right(known, known.distances < np.inf):.4f}"
        yield f"  AUROC known against unseen  {far:.4f}"
        yield f"  {'threshold':<32}{'distance':>9}{'unseen labelled':>17}{'known refused':>15}{'known right':>13}"
        guesses = {"none": np.inf, "same or different": self.pair_threshold(), "keeps 95 %": self.keeping(shop, 0.95)}
        for name, cut in guesses.items():
            yield self.line(name, cut, unseen.distances <= cut, known, known.distances <= cut)
        classes = np.unique(self.pixels.labels[self.unseen])
        for fpr in RATES:
            yield self.calibrated(shop, f"--fpr {fpr}", fpr, self.calibrating[1], self.unseen)
        for name in classes if len(classes) <= 3 else []:
            given = self.calibrating[1][self.pixels.labels[self.calibrating[1]] == name]
            others = self.unseen[self.pixels.labels[self.unseen] != name]
            yield self.calibrated(shop, f"--fpr {RATES[0]}, {name}", RATES[0], given, others)

    def calibrated(self, shop: Collection, name: str, fpr: float, given: np.ndarray, unseen: np.ndarray) -> str:
        """Calibrate with the `given` unseen images, ask with `unseen` ones and the known."""
        try:
            made = shop.calibrate(self.table(np.concatenate([self.calibrating[0], given])), fpr=fpr)
        except LookalikeError as error:
            return f"  {name:<32} refused: {error}"
        known, others = self.ask(shop, self.known), self.ask(shop, unseen)
        return self.line(name, made.threshold, answered(others), known, answered(known))

    def line(self, name: str, cut: float, labelled: np.ndarray, known: Decisions, accepted: np.ndarray) -> str:
        """One threshold: what it labels, refuses and gets right."""
        shown = f"{cut:.3f}" if np.isfinite(cut) else ""
        shares = f"{labelled.mean():>17.4f}{1 - accepted.mean():>15.4f}{self.right(known, accepted):>13.4f}"
        return f"  {name:<32}{shown:>9}{shares}"

    def right(self, known: Decisions, accepted: np.ndarray) -> float:
        """The share of the known images that are accepted, and right."""
        return float((accepted & (np.array(known.nearest) == self.pixels.labels[self.known])).mean())

    def ask(self, shop: Collection, which: np.ndarray) -> Decisions:
        """What the collection takes these images for."""
        return shop.classify([Image.fromarray(image) for image in self.pixels.images[which, :, :, 0]])

    def pair_threshold(self) -> float:
        """The distance below which `compare` calls two images the same: chosen in training, on validation images."""
        stored = stored_threshold(Encoder.load(self.model))
        return stored.threshold if stored else float("nan")

    def keeping(self, shop: Collection, share: float) -> float:
        """The distance within which this share of the known images that calibrate lies."""
        return float(np.quantile(self.ask(shop, self.calibrating[0]).distances, share))

    def table(self, which: np.ndarray) -> Path:
        """A Parquet table of these images, as PNG, with their labels."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.parquet"
        columns = {"image": [png(image) for image in self.pixels.images[which, :, :, 0]]}
        pq.write_table(pa.table({**columns, "label": self.pixels.labels[which].tolist()}), path)
        return path


def answered(decisions: Decisions) -> np.ndarray:
    """(n,) bool: which got a label."""
    return np.array([label is not None for label in decisions.labels])


def png(image: np.ndarray) -> bytes:
    """The image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


def triplets_right(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Of all triplets of these unit rows (n, d), the share whose like pair scores higher; ties count half."""
    right = count = 0.0
    for row, label in enumerate(labels):
        scores, like = vectors @ vectors[row], labels == label
        like[row] = False
        unlike = labels != label
        triplets = int(like.sum()) * int(unlike.sum())
        right += triplets * (auc_between(scores[like], scores[unlike]) or 0.0)
        count += triplets
    return right / count


if __name__ == "__main__":
    main()
