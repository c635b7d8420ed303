"""Conditions in SQL over stored columns, against a plain filter; a condition reaches nothing else."""

import numpy as np
import pytest

from lookalike import Collection, LookalikeError


@pytest.fixture
def shop(tmp_path):
    """Thirty rows on a circle, labels a, b and none in turn; row 4 is removed."""
    angles = np.arange(30) / 30 * np.pi
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    with Collection.create(tmp_path / "c") as collection:
        collection.add(vectors, [f"k{i:02d}" for i in range(30)], [("a", "b", None)[i % 3] for i in range(30)])
        collection.remove("k04")
        yield collection


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    ("condition", "keep"),
    [
        ("label = 'a'", lambda i: i % 3 == 0),
        ("label is null or key < 'k05'", lambda i: i % 3 == 2 or i < 5),
        ("row % 2 = 1 -- odd ones", lambda i: i % 2 == 1),
        ("row % 2 = 1 /* odd */ and\n-- and labelled\nlabel is not null", lambda i: i % 2 == 1 and i % 3 < 2),
        ("row in (select max(row) from images)", lambda i: i == 29),
        ("null", lambda i: False),
        ("width > 10", lambda i: False),
        ("true", lambda i: True),
    ],
)
def test_only_rows_that_meet_the_condition_are_hits(shop, condition, keep, indexed):
    if indexed:
        shop.index()
    wanted = [i for i in range(30) if keep(i) and i != 4]
    hits = shop.search(np.array([1, 0], np.float32), k=30, where=condition)
    assert hits.rows[0, : len(wanted)].tolist() == wanted and (hits.rows[0, len(wanted) :] == -1).all()


def test_a_key_is_not_its_own_hit_under_a_condition(shop):
    assert shop.search("k06", k=2, where="label = 'a'").keys() in ([["k03", "k09"]], [["k09", "k03"]])


@pytest.mark.parametrize(
    "condition",
    [
        "colour = 'red'",
        "label =",
        "1=1); DROP TABLE images; --",
        "1=1; DROP TABLE images",
        "true) UNION SELECT 1 --",
        "1=0) UNION ALL SELECT 99 WHERE (1=1",
        "1=0) UNION ALL SELECT NULL WHERE (1=1",
        "1=0) UNION ALL SELECT 4 WHERE (1=1",
        "1=1) LIMIT (1",
        "true LIMIT 1",
        "true, true",
        "row = ?",
        "-- nothing",
        "",
    ],
)
def test_what_is_not_a_condition_is_refused_in_one_line(shop, condition):
    with pytest.raises(LookalikeError, match="columns are row, key, label") as caught:
        shop.search(np.array([1, 0], np.float32), where=condition)
    assert "\n" not in str(caught.value).replace(condition, "")


def test_text_that_is_not_unicode_is_found_as_it_was_given(shop):
    shop.add(np.array([[0, -1]], np.float32), ["k\udcff"], ["%uDCFF"])
    for condition in ("key = 'k\udcff'", "label = '%uDCFF'", "key = 'k\udcff' and label = '%uDCFF'"):
        assert shop.search(np.array([1, 0], np.float32), k=1, where=condition).keys() == [["k\udcff"]]


def test_a_condition_reads_no_file(shop, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("x\n1\n")
    with pytest.raises(LookalikeError, match=r"disabled|denied|Permission"):
        shop.search(np.array([1, 0], np.float32), where=f"(SELECT count(*) FROM read_csv('{secret}')) > 0")
