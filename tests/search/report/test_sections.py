"""Sections whose figures come from elsewhere: the map's points, curves, training, latency, provenance, thumbnails."""

import base64
import io
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from lookalike.search.calibrating.labelled_source import LabelledSource
from lookalike.search.report.page import LeftOut
from lookalike.search.report.sections import histograms, latency, provenance, roc_curves, training
from lookalike.search.report.sections.similarity_map import MOST, embedded
from lookalike.search.report.sections.similarity_map import section as similarity_map
from lookalike.search.report.thumbnails import MOST_BYTES, framed, picture_uri, sprite

from ..conftest import clusters, unit
from .conftest import Page, material_of, questions_of
from .test_drawing import texts
from .test_report import DATE


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGB"))


def test_alike_rows_lie_together_on_the_map_and_equal_seeds_agree():
    vectors, labels = clusters(0, 90, classes=3, spread=0.1)
    places = embedded(vectors, 0)
    assert places.shape == (90, 2) and np.isfinite(places).all()
    codes = np.array(labels)
    centres = np.array([places[codes == name].mean(axis=0) for name in ("c0", "c1", "c2")])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (np.array(["c0", "c1", "c2"])[nearest] == codes).all()
    np.testing.assert_array_equal(embedded(vectors, 0), places)


@pytest.mark.parametrize(
    "vectors", [np.ones((4, 1), np.float32), np.tile(clusters(0, 1)[0], (5, 1)), clusters(0, 4)[0]]
)
def test_a_map_of_few_equal_or_flat_rows_is_finite(vectors):
    assert np.isfinite(embedded(unit(vectors), 0)).all()


def test_the_maps_data_name_the_points_that_are_drawn(pictured):
    from lookalike.search.report.questions import of_source

    material = material_of(pictured._view, of_source(pictured._view, LabelledSource(pictured.asked), print))
    page = Page(similarity_map(material).body)
    (block,) = [data for tag, data in page.texts if tag == "script"]
    data = json.loads(block)
    assert len(data["points"]) == 24 + 4 and data["columns"] * data["rows"] >= 28
    keys = {key: label for _, _, label, key, _ in data["points"]}
    assert keys["red/0.png"] == "red" and keys["grey/3.png"] == "grey (not in the collection)"
    assert all(0 <= x <= 10_000 and 0 <= y <= 10_000 and why == "" for x, y, _, _, why in data["points"])
    svg = ElementTree.fromstring(page.figures[0])
    width, height = (float(number) for number in svg.get("viewBox").split()[2:])
    drawn = np.array([[float(e.get("x")), float(e.get("y"))] for e in svg.iter() if e.tag.endswith("use")])
    for x, y, *_ in data["points"]:
        there = np.array([x * width, y * height]) / 1e4
        assert np.linalg.norm(drawn - there, axis=1).min() < 0.5, "no dot is drawn where the data have one"
    (uri,) = [attributes["src"] for _, attributes in page.tags if attributes.get("id") == "sprite"]
    cells, side = decoded(uri), decoded(uri).shape[0] // data["rows"]
    for number, (_, _, _, key, _) in enumerate(data["points"]):
        row, column = divmod(number, data["columns"])
        folder = "asked" if key.startswith("grey") else "stored"
        shown = cells[row * side + side // 2, column * side + side // 2].astype(int)
        there = np.asarray(Image.open(pictured.asked.parent / folder / key))[0, 0].astype(int)
        assert np.abs(shown - there).max() < 24, key  # JPEG


def test_a_large_collection_is_sampled(shop, monkeypatch):
    monkeypatch.setattr("lookalike.search.report.sections.similarity_map.MOST", 30)
    page = Page(similarity_map(material_of(shop._view)).body)
    assert "30 of 60 stored images" in page.text and MOST == 1000
    (block,) = [data for tag, data in page.texts if tag == "script"]
    assert len(json.loads(block)["points"]) == 30 and {why for *_, why in json.loads(block)["points"]} == {"no image"}


def test_the_roc_shows_both_thresholds(shop, monkeypatch):
    from lookalike.search.deciding.calibration import Calibration

    vectors, labels = clusters(8, 40)
    material = material_of(
        shop._view, questions_of(vectors, ["strange" if i % 4 == 0 else x for i, x in enumerate(labels)])
    )
    assert "no threshold yet" in Page(roc_curves.section(material).body).text
    names = Calibration.__dataclass_fields__
    chosen = Calibration(**{**dict.fromkeys(names), "threshold": 0.5, "classes": {}, "by": "prototype"})
    material.__dict__.update(calibration=chosen, card={"scores": {"same_or_different": {"threshold": 0.75}}})
    page = Page(roc_curves.section(material).body)
    assert "compare's threshold 0.750" in texts(page.figures[0].encode())
    assert "threshold 0.500" in texts(page.figures[1].encode())
    upper = np.triu_indices(40, 1)
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=2)[upper]
    same = (material.questions.labels[:, None] == material.questions.labels)[upper]
    rates = roc_curves._rates(*material.paired, 0.75)
    assert rates == pytest.approx((np.mean(distances[~same] <= 0.75), np.mean(distances[same] <= 0.75)))
    assert "threshold 0.500" in texts(Page(histograms.section(material).body).figures[1].encode())


def test_training_curves_are_drawn_from_what_the_history_holds(shop):
    material = material_of(shop._view)
    with pytest.raises(LeftOut, match="no model"):
        training.section(material)
    history = [{"step": 0, "loss": None, "map_at_r": 0.2}, {"step": 50, "loss": 0.3, "map_at_r": 0.5, "new": 1}]
    drawn = training.panels_of(history)
    assert drawn == [("loss", {"loss": "loss"}), ("score", {"map_at_r": "MAP@R, validation"})]


def test_a_history_without_known_measures_is_left_out():
    assert training.panels_of([{"step": 1, "other": 3.0}]) == []


def test_latency_marks_what_search_uses(shop):
    with pytest.raises(LeftOut, match="--no-bench"):
        latency.section(material_of(shop._view), False)
    page = Page(latency.section(material_of(shop._view), True).body)
    assert "Recall@10" in page.text and "(exact)" in page.text
    assert sum(tag == "tr" for tag, _ in page.tags) == 1 + 2


def test_provenance_names_version_sources_and_software(shop):
    page = Page(provenance.section(material_of(shop._view), DATE).body)
    for words in ("shop, version", "60 of 4 classes", "vectors added from memory (60 rows)", "matplotlib", "faiss"):
        assert words in page.text
    assert "2020-02-03T04:05:06+00:00" in page.text


def test_provenance_says_in_words_what_the_model_is():
    described = provenance._model(
        {"model": {"backbone": "efficientnet-lite0", "pretrained": True}, "training": {"steps": 0}}
    )
    assert described == "efficientnet-lite0, pretrained on ImageNet, not trained further"
    trained = provenance._model({"model": {"backbone": "conv4", "pretrained": False}, "training": {"steps": 50}})
    assert trained == "conv4, random initial weights, trained on own images"


def test_pictures_keep_their_pixels_or_say_why_there_are_none():
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    np.testing.assert_array_equal(decoded(picture_uri(pixels)), pixels)
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    assert len(picture_uri(noise)) < 20_000
    page = Page(framed("<gone>", 'a "b"') + framed(pixels, "c"))
    assert [tag for tag, _ in page.tags] == ["span", "img"] and "<gone>" in page.text


def test_a_sprite_of_noise_is_bounded():
    noise = np.random.default_rng(0).integers(0, 256, (1200, 48, 48, 3)).astype(np.uint8)
    assert len(sprite(list(noise)).uri) < 4 / 3 * MOST_BYTES + 100


def test_a_sprite_holds_each_picture_in_its_cell():
    pictures = [np.full((3, 5, 3), 10 * i, np.uint8) if i != 2 else "gone" for i in range(7)]
    made = sprite(pictures)
    assert (made.columns, made.rows, made.cell) == (3, 3, 5)
    cells = decoded(made.uri)
    assert cells.shape == (15, 15, 3)
    for i in range(7):
        row, column = divmod(i, 3)
        middle = cells[row * 5 + 2, column * 5 + 2].tolist()
        assert middle == ([242] * 3 if i == 2 else [10 * i] * 3)
    assert sprite(["a", "b"]).cell == 1 and decoded(sprite([]).uri).shape == (1, 1, 3)
