"""Labelled sources that are not read in the usual way: calibrate, evaluate and report take the options of embed."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike import Collection, LabelledSource, LookalikeError
from lookalike.cli import run
from lookalike.store.errors import LookalikeWarning

from ..photos import save_model, save_photo


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A collection of six pictures of two classes."""
    root = tmp_path_factory.mktemp("labelled")
    for i in range(6):
        save_photo(root / "photos" / "ab"[i % 2] / f"{i}.png", i)
    with Collection.create(root / "shop") as made:
        made.embed(root / "photos", model=save_model(root / "model"))
    return root / "shop"


@pytest.fixture
def links(tmp_path):
    """Class folders of links out of them."""
    for i in range(8):
        save_photo(tmp_path / "store" / f"{i}.png", 50 + i)
        link = tmp_path / "links" / "ab"[i % 2] / f"{i}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "store" / f"{i}.png")
    return tmp_path / "links"


@pytest.fixture
def table(tmp_path, links):
    """The same in a table with columns of other names."""
    data = [(tmp_path / "store" / f"{i}.png").read_bytes() for i in range(8)]
    pq.write_table(pa.table({"img": data, "fine_label": list("abababab")}), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def said(capsys, *words):
    capsys.readouterr()
    status = run([*map(str, words)])
    return (status, *capsys.readouterr())


def test_links_and_columns_are_named_as_for_embed(shop, links, table, capsys):
    columns = ["--image-column", "img", "--label-column", "fine_label"]
    answers = []
    for source, options in ((links, ["--follow-links"]), (table, columns)):
        status, out, _ = said(capsys, "evaluate", shop, source, "--json", *options)
        assert status == 0
        answers.append(json.loads(out))
        status, out, _ = said(capsys, "calibrate", shop, source, "--conformal", "0.4", "--json", *options)
        assert status == 0 and json.loads(out)["images"]["rejected"] == 0
    assert answers[0] == answers[1] and answers[0]["queries"] == 8
    status, out, _ = said(capsys, "evaluate", shop, links, "--json", "--follow-links", "--exclude", "[0-3].png")
    assert json.loads(out)["queries"] == 4


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "report"])
def test_without_options_the_message_names_the_way_out(shop, links, table, tmp_path, capsys, command):
    words = [command, shop, *(["--out", tmp_path / "r.html", "--data"] if command == "report" else [])]
    wish = ["--conformal", "0.4"] if command == "calibrate" else []
    status, _, err = said(capsys, *words, links, *wish)
    assert status == 1 and "link leads out of the source (8)" in err and "--follow-links follows them" in err
    status, _, err = said(capsys, *words, table, *wish)
    assert status == 1 and "--image-column" in err
    status, _, err = said(capsys, *words, table, "--image-column", "img", *wish)
    assert status == 1 and "--label-column" in err


def test_a_report_draws_the_pictures_of_such_a_table(shop, table, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    columns = ["--image-column", "img", "--label-column", "fine_label"]
    words = ["report", shop, "--out", tmp_path / "r.html", "--no-bench", "--data", table, *columns]
    assert said(capsys, *words)[0] == 0
    page = (tmp_path / "r.html").read_text()
    assert "not found" not in page and "source cannot be read" not in page and f"8 images of {table}" in page
    status, _, err = said(capsys, "report", shop, "--out", tmp_path / "r.html", "--image-column", "img")
    assert status == 1 and "add --data SOURCE" in err


def test_from_python_a_source_says_how_it_is_read(shop, links, table):
    with Collection.open(shop) as opened:
        expected = opened.evaluate(LabelledSource(links, follow_links=True))
        assert opened.evaluate(LabelledSource(str(table), image_column="img", label_column="fine_label")) == expected
        with pytest.raises(LookalikeError, match="--exclude does not apply"):
            opened.evaluate(LabelledSource(table, exclude="*.png", image_column="img"))


def test_what_stands_for_no_label_is_said_where_they_count_as_unknown(shop, table, tmp_path):
    held = pq.read_table(table)
    written = pa.array(["a", "b", "nan", "a", "b", "nan", "a", "b"])  # as pandas writes missing values as text
    pq.write_table(held.append_column("written", written), tmp_path / "written.parquet")
    source = LabelledSource(tmp_path / "written.parquet", image_column="img", label_column="written")
    with (
        Collection.open(shop) as opened,
        pytest.warns(LookalikeWarning, match="label 'nan' is treated as a class like"),
    ):
        opened.evaluate(source)
