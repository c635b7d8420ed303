"""Pictures and their nearest ones, against a plain loop over all pairs."""

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.report.page import LeftOut
from lookalike.search.report.sections.look_alikes import nearest_of, section

from ..conftest import Page, add_images, material_of


def test_the_nearest_of_each_picture_is_never_a_copy_of_it(pictured):
    store = pictured._view.store
    rows, nearest, distances = nearest_of(material_of(pictured._view))
    vectors, contents = store.gather(np.arange(24)), store.facts(np.arange(24)).content
    assert rows.tolist() == list(range(24))
    for row, near, distance in zip(rows.tolist(), nearest.tolist(), distances.tolist(), strict=True):
        others = [i for i in range(24) if contents[i] != contents[row]]
        best = max(others, key=lambda i: (float(vectors[row] @ vectors[i]), -i))
        assert near == best
        assert distance == pytest.approx(np.linalg.norm(vectors[row] - vectors[best]), abs=1e-3)


def test_closest_pairs_come_once_and_first(pictured):
    page = Page(section(material_of(pictured._view)).body)
    distances = [float(text.split()[1]) for tag, text in page.texts if tag == "p" and text.startswith("distance")]
    closest = distances[:12]
    assert closest == sorted(closest) and len(distances) == 24
    pairs = [text for tag, text in page.texts if tag == "small"]
    assert len(pairs) == 48 and len({frozenset(pairs[i : i + 2]) for i in range(0, 24, 2)}) == 12


def test_a_collection_without_labels_shows_pictures(tmp_path, pictured):
    with Collection.create(tmp_path / "plain") as shop:
        add_images(shop, tmp_path / "stored", labelled=False)
        made = shop.report(tmp_path / "r.html", bench=False)
        assert made["sections"] == ["map", "look-alikes", "provenance"]
        page = Page((tmp_path / "r.html").read_text())
        assert "24 stored images (copies of a query are left out)" in page.text
        assert sum(attributes.get("class") == "card" for _, attributes in page.tags) == 24
        assert sum(address.startswith("data:image/") for address in page.addresses) == 2 * 24 + 2  # the map, its sprite


def test_vectors_without_pictures_leave_the_section_out(shop):
    with pytest.raises(LeftOut, match="fewer than two embedded images"):
        section(material_of(shop._view))
