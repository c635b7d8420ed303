"""`cluster --sheet`: which pictures stand for a cluster, and what does not fit."""

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.cli import run
from lookalike.search.clustering import sheet as cluster_sheet
from lookalike.search.clustering.clusters import NOISE
from lookalike.search.clustering.sheet import SHOWN, cluster_strips

from ..conftest import clusters, unit
from ..report.conftest import add_images


@pytest.fixture
def groups(tmp_path):
    """Rows of three groups of 30, 20 and 4, and three rows far from all of them."""
    rng = np.random.default_rng(2)
    codes = np.repeat([0, 1, 2], [30, 20, 4])
    near = np.eye(12)[codes] + 0.02 * rng.normal(size=(54, 12))
    far = np.eye(12)[3:6] - 0.3
    vectors = unit(np.concatenate([near, far]))
    with Collection.create(tmp_path / "groups") as shop:
        shop.add(vectors, [f"k{i}" for i in range(57)], [f"c{code}" for code in codes] + [None] * 3)
        yield shop


def test_each_cluster_shows_its_medoids_first_and_then_others_of_it(groups):
    found = groups.cluster(min_size=4)
    strips, left_out = cluster_strips(found)
    assert left_out == 0 and [strip.query.name for strip in strips] == ["cluster 0", "cluster 1", "cluster 2", "noise"]
    assert [strip.query.label for strip in strips] == ["30 images", "20 images", "4 images", "3 images"]
    member = dict(zip(found.keys(), found.codes.tolist(), strict=True))
    for strip, each in zip(strips, found, strict=True):
        names = [cell.name for cell in strip.hits]
        assert all(member[name] == each.number for name in names) and len(set(names)) == len(names)
        if each.number == NOISE:
            assert len(names) == 3 and strip.query.picture == "in no cluster"
        else:
            assert names[:2] == list(each.medoids[1:]) and each.medoids[0] not in names
            assert len(names) == min(each.size, SHOWN) - 1
    assert [cell.name for strip in cluster_strips(found, 0)[0] for cell in strip.hits] == [
        cell.name for strip in strips for cell in strip.hits
    ]


def test_clusters_that_find_no_room_are_counted(groups, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cluster_sheet, "MOST", 23)
    out = tmp_path / "sheet.png"
    assert run(["cluster", str(groups.path), "--min-size", "4", "--sheet", str(out)]) == 0
    said = capsys.readouterr().err
    assert "shows the first 2 clusters and leaves out 2" in said
    assert "warning: 22 pictures are missing in" in said and "no image (22)" in said
    with Image.open(out) as image:
        assert image.format == "PNG" and image.width > 160


def test_one_image_and_a_bad_name(tmp_path, capsys):
    vectors, _ = clusters(0, 1)
    with Collection.create(tmp_path / "one") as shop:
        shop.add(vectors, ["only"])
        strips, left_out = cluster_strips(shop.cluster(1))
        assert (len(strips), left_out) == (1, 0) and strips[0].query.label == "1 image" and strips[0].hits == []
    assert run(["cluster", str(tmp_path / "one"), "-k", "1", "--sheet", str(tmp_path / "a.pdf")]) == 1
    assert "must end in .png" in capsys.readouterr().err


def test_a_sheet_of_real_pictures_warns_of_none(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for i, colour in enumerate([(220, 30, 30), (30, 30, 220)] * 8):
        path = tmp_path / "stored" / ("red", "blue")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 16), tuple((np.array(colour) + rng.integers(0, 20, 3)).tolist())).save(path)
    with Collection.create(tmp_path / "shop") as shop:
        add_images(shop, tmp_path / "stored")
    assert run(["cluster", str(tmp_path / "shop"), "-k", "2", "--sheet", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr()
    assert said.err == "" and "2 clusters of 16 images" in said.out
    with Image.open(tmp_path / "a.png") as image:
        colours = {tuple(colour) for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert any(r > 200 and b < 60 for r, _, b in colours) and any(b > 200 and r < 60 for r, _, b in colours)
