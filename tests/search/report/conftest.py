"""Collections whose reports are read: vectors alone, and images with a stand-in for their encoder."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.search.calibrating.labelled_source import LabelledSource
from lookalike.search.deciding.rank import DecisionRule
from lookalike.search.report.material import Material
from lookalike.search.report.questions import Questions, of_stored
from lookalike.store.changing.writer import writing
from lookalike.store.files.parts import Rows, lookup_columns, write_part

from ..conftest import clusters, unit
from ..stub import give_encoder

VOID = {"meta", "img", "br", "link", "input", "hr"}
NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac$ & 'co'", "\udcff\u202e\n", "靴")


class Page(HTMLParser):
    """A parsed page: well-formed or an AssertionError; tags, ids, texts, and the SVG of every figure."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.texts, self.addresses = [], [], [], [], []
        self.feed(html)
        self.close()
        if self.open:
            raise AssertionError(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        for name, value in attributes:
            if name.startswith("on"):
                raise AssertionError(f"{tag} has a handler: {name}={value}")
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "action", "style", "srcset"):
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            raise AssertionError(f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return " ".join(data for _, data in self.texts)

    @property
    def figures(self) -> list[str]:
        found = [re.fullmatch(r"data:image/svg\+xml;base64,(.*)", address) for address in self.addresses]
        return [base64.b64decode(match[1]).decode() for match in found if match]


@pytest.fixture
def nasty(tmp_path):
    """A collection of 60 vectors in five classes with labels and keys that want to be markup."""
    vectors, labels = clusters(3, 60, classes=5)
    with Collection.create(tmp_path / "nasty") as collection:
        names = [NASTY[int(label[1:])] for label in labels]
        collection.add(vectors, [f"{i}{NASTY[i % 4]}" for i in range(60)], names)
        yield collection


def images_in(folder):
    """What encoding a folder of class folders gives, by an encoder that looks at an image's mean colour."""
    paths = sorted(folder.glob("*/*.png"))
    vectors = np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in paths])
    return SimpleNamespace(
        vectors=unit(vectors - 100),
        keys=[path.relative_to(folder).as_posix() for path in paths],
        labels=[path.parent.name for path in paths],
        contents=[hashlib.sha256(path.read_bytes()).hexdigest() for path in paths],
        seen=np.zeros(len(paths), bool),
        rejected=0,
        why_rejected="",
    )


def add_images(collection, folder, labelled=True):
    """Add the images of a folder as embedding would."""
    found, n = images_in(folder), len(list(folder.glob("*/*.png")))
    labels = found.labels if labelled else [None] * n
    rows = Rows(
        keys=found.keys, vectors=found.vectors, labels=labels, contents=found.contents, widths=[12] * n,
        heights=[16] * n, source=str(folder.resolve()), sizes=[1] * n, mtimes_ns=[1] * n, extra=None,
    )  # fmt: skip
    with writing(collection._view.store) as writer:
        writer.add_part(write_part(collection.path, rows, None), lookup_columns(rows))
        writer.commit()
    collection.refresh()


@pytest.fixture
def pictured(tmp_path):
    """A collection of 24 images of three colours; `asked`, a folder of 18 others, has grey ones too."""
    rng = np.random.default_rng(5)
    colours = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200), "grey": (130, 120, 125)}
    for folder, n, names in (("stored", 24, ("red", "green", "blue")), ("asked", 18, tuple(colours))):
        for i in range(n):
            name = names[i % len(names)]
            path = tmp_path / folder / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = np.clip(rng.normal(colours[name], 60), 0, 255).astype(np.uint8)
            Image.new("RGB", (12, 16), tuple(colour.tolist())).save(path)
    with Collection.create(tmp_path / "pictured") as collection:
        add_images(collection, tmp_path / "stored")
        encoder = SimpleNamespace(
            digest=None, training_classes=[], encode_source=lambda source, progress, cache=True: images_in(Path(source))
        )
        give_encoder(collection, encoder)
        collection.asked = tmp_path / "asked"
        yield collection


def material_of(view, questions: Questions | None = None, by: str = "prototype") -> Material:
    """What sections draw from, of stored questions unless others are given."""
    return Material(view, questions or of_stored(view, 0), DecisionRule(by), 0)


def questions_of(vectors, labels, own=None, source="somewhere") -> Questions:
    """Questions from memory."""
    n = len(vectors)
    none = [np.empty(0, np.int64)] * n
    given = None if source is None else LabelledSource(source)
    return Questions(
        vectors, np.array(labels, dtype=object), [f"q{i}" for i in range(n)], [None] * n, own or none, given, n
    )
