"""The whole report: its sections and what is left out, harmless labels, equal bytes, and the shell."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.cli import run
from lookalike.search.deciding.calibration import FORMAT, Calibration
from lookalike.search.deciding.calibration_file import write_calibration
from lookalike.store.changing.writer import writing

from ..conftest import clusters
from .conftest import NASTY, Page

DATE = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
ALL = [
    "summary",
    "map",
    "look-alikes",
    "roc",
    "distances",
    "classes",
    "confusion",
    "mistakes",
    "unknowns",
    "training",
    "latency",
    "provenance",
]


def report(collection, folder, **options):
    """(what was answered, the parsed page) of a report."""
    made = collection.report(folder / "r.html", **{"bench": False, "date": DATE, **options})
    html = (folder / "r.html").read_text()
    assert made["bytes"] == len(html.encode()) and made["out"] == str(folder / "r.html")
    assert set(made["sections"]) | {one["section"] for one in made["left_out"]} == set(ALL)
    page = Page(html)
    assert len(set(page.ids)) == len(page.ids)
    assert [name for name in page.ids if name in ALL] == made["sections"]
    # Nothing is fetched: every address is data, or a place on this very page.
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    for one in made["left_out"]:
        assert one["why"] in page.text
    return made, page


def test_images_and_unknowns_give_every_section_that_can_be_had(pictured, tmp_path):
    made, page = report(pictured, tmp_path, data=pictured.asked, bench=True)
    assert made["sections"] == [name for name in ALL if name != "training"]
    assert made["left_out"] == [
        {"section": "training", "why": "the collection has no model: its vectors were imported"}
    ]
    # Two ROCs, two histograms, two matrices, the map and the latency.
    assert len(page.figures) == 8
    assert "18 images of" in page.text and "2020-02-03T04:05:06+00:00" in page.text and "version 2" in page.text
    cards = [tag for tag, attributes in page.tags if attributes.get("class") == "card"]
    pictures = [a for a in page.addresses if a.startswith(("data:image/png", "data:image/jpeg"))]
    assert len(cards) >= 4 and len(pictures) == 2 * len(cards) + 1


def test_without_data_stored_images_ask_and_it_says_so(pictured, tmp_path):
    made, page = report(pictured, tmp_path)
    assert [one["section"] for one in made["left_out"]] == ["unknowns", "training", "latency"]
    assert "24 stored images (copies of a query are left out)" in page.text
    assert "give --data with such images" in page.text and "--no-bench" in page.text


def test_labels_and_keys_that_are_markup_stay_text(nasty, tmp_path):
    made, page = report(nasty, tmp_path)
    assert "confusion" in made["sections"]
    known = (
        "html head meta title style body header h1 nav ul li a main section h2 p figure figcaption img div b br span "
    )
    assert {tag for tag, _ in page.tags} <= set((known + "span small script table tr th td").split())
    scripts = [data for tag, data in page.texts if tag == "script"]
    assert len(scripts) == 2  # the map's data, and our own
    points = json.loads(scripts[0])["points"]
    assert {label for _, _, label, _, _ in points} > {NASTY[0], NASTY[1]}
    for figure in page.figures:
        for element in ElementTree.fromstring(figure).iter():
            assert not element.tag.endswith("script") and not any(name.startswith("on") for name in element.attrib)


def test_equal_collections_seeds_and_dates_give_equal_bytes(pictured, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        pictured.report(tmp_path / f"{name}.html", pictured.asked, bench=False, date=DATE, seed=seed)
    first, second, other = ((tmp_path / f"{name}.html").read_bytes() for name in "abc")
    assert first == second != other


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_tiny_collections_leave_out_what_they_cannot_show(tmp_path, rows):
    vectors, _ = clusters(1, rows)
    with Collection.create(tmp_path / "tiny") as collection:
        collection.add(vectors, [str(i) for i in range(rows)], ["only"] * rows)
        made, _ = report(collection, tmp_path, bench=True)
        assert ("map" in made["sections"]) == (rows >= 4)
        assert {"roc", "classes"} <= {one["section"] for one in made["left_out"]}
        assert "provenance" in made["sections"]


def test_without_labels_the_map_and_provenance_are_left(tmp_path):
    vectors, _ = clusters(1, 20)
    with Collection.create(tmp_path / "bare") as collection:
        collection.add(vectors, [str(i) for i in range(20)])
        made, _ = report(collection, tmp_path)
        assert made["sections"] == ["map", "provenance"]
        why = {one["section"]: one["why"] for one in made["left_out"]}
        assert why["confusion"] == "the collection has no labels"


def test_equal_images_are_no_obstacle(tmp_path):
    vectors = np.tile(clusters(1, 1)[0], (12, 1))
    with Collection.create(tmp_path / "same") as collection:
        collection.add(vectors, [str(i) for i in range(12)], ["a", "b"] * 6)
        made, _ = report(collection, tmp_path)
        assert {"map", "roc", "distances", "classes", "confusion"} <= set(made["sections"])


def test_what_cannot_be_written_or_asked_is_refused_in_one_line(shop, tmp_path, capsys):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "kept.html").write_text("old")
    for arguments, words in (
        (["--out", str(tmp_path / "folder.html")], "it is a folder"),
        (["--out", str(tmp_path / "no" / "a.html")], "no such file"),
        (["--out", str(tmp_path / "kept.html"), "--data", str(tmp_path / "nowhere")], "has no model"),
    ):
        assert run(["report", str(shop.path), *arguments]) == 1
        said = capsys.readouterr()
        assert words in said.err and said.out == "" and len(said.err.splitlines()) == 1
    assert (tmp_path / "kept.html").read_text() == "old"
    with Collection.create(tmp_path / "empty") as empty, pytest.raises(LookalikeError, match="is empty"):
        empty.report(tmp_path / "r.html")


def test_a_source_without_labels_measures_nothing(pictured, tmp_path):
    whole = pictured._view.images.encode_source
    pictured._view.images.encode_source = lambda source, progress, cache=True: SimpleNamespace(
        **{**vars(whole(source, progress)), "labels": [None] * 18}
    )
    with pytest.raises(LookalikeError, match="asked has no labelled image"):
        pictured.report(tmp_path / "r.html", pictured.asked)
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("chose", [True, False])
def test_it_decides_as_was_calibrated(pictured, tmp_path, monkeypatch, chose):
    kinds = {"str": "", "int": 0, "float": 0.0, "bool": False}
    fields = Calibration.__dataclass_fields__.values()
    store, given = (
        pictured._view.store,
        {field.name: kinds.get(getattr(field.type, "__name__", field.type)) for field in fields},
    )
    way = {"by": "knn", "k": 3, "weights": "distance", "threshold": 0.3, "format": FORMAT}
    way |= {"criterion": "fpr", "of": "unknown", "classes": {}, "images": {}}
    state = {"rows": store.rows, "next_row": store.next_row, "version": store.version, "prototypes": {}}
    state["source"] = os.path.realpath(pictured.asked if chose else tmp_path)
    monkeypatch.setattr(Calibration, "__str__", lambda self: "three neighbours")
    with writing(store) as writer:
        writer.add_calibration(write_calibration(pictured.path, Calibration(**{**given, **way, **state})))
        writer.commit()
    pictured.refresh()
    _, page = report(pictured, tmp_path, data=pictured.asked, by="knn")  # a warning would fail the test
    assert "threshold 0.300" in page.text and "false accepts" in page.text and "three neighbours" in page.text
    assert ("threshold was chosen on" in page.text) == chose


def test_the_shell_answers_what_was_drawn(shop, tmp_path, capsys):
    out = tmp_path / "r.html"
    assert run(["report", str(shop.path), "--out", str(out), "--no-bench", "--by", "knn", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert list(made) == ["out", "bytes", "sections", "left_out"]
    assert made["bytes"] == out.stat().st_size and made["sections"][0] == "summary"
    assert run(["report", str(shop.path), "--out", str(out), "--no-bench"]) == 0
    said = capsys.readouterr()
    assert "sections" in said.out and "left out: training" in said.err
    assert os.listdir(tmp_path / "shop") and [p.name for p in tmp_path.iterdir() if p.suffix == ".tmp"] == []


def test_without_matplotlib_it_names_the_extra(shop, tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\nfrom lookalike.cli import run\n"
        f"sys.exit(run(['report', {str(shop.path)!r}, '--out', {str(tmp_path / 'r.html')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "pip install 'lookalike[report]'" in done.stderr and not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("name", ["r.pdf", "r", "r.html.gz", ".html"])
def test_a_report_is_an_html_page_and_no_other_name_is_taken(shop, tmp_path, capsys, name):
    assert run(["report", str(shop.path), "--out", str(tmp_path / name), "--no-bench"]) == 1
    said = capsys.readouterr().err
    assert "must end in .html" in said and len(said.splitlines()) == 1
    assert not (tmp_path / name).exists()
