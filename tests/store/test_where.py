"""Conditions in SQL over stored columns, against a plain filter; a condition reaches nothing else."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike import Collection, LookalikeError
from lookalike.store.store import Store
from lookalike.store.where import where


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


PRICED = {"Price": [3, 1, None, 7, 5, 2], "größe": list("smlsml"), "on sale": [True, False] * 3}
# Each with the columns beside `row` that it loads; None: all, since it may mean one without its name.
CONDITIONS = {
    "price > 2": {"Price"},
    "PRICE > 2 and Label = 'x'": {"Price", "label"},
    '"Price" > 2': None,
    '"on sale"': None,
    "größe = 's'": {"größe"},
    "images.größe = 'm'": None,
    "row % 2 = 0": set(),
    "true": set(),
    "key = 'price'": {"key", "Price"},
    "#2 = 'a'": None,
    "columns('^P') > 2": None,
    "coalesce(*columns('P.*')) > 2": None,
    "price = (select max(price) from images)": None,
    "images is not null": None,
    "row in (select a from query_table('im' || 'ages') t(a))": None,
}


@pytest.fixture
def priced(tmp_path, grow):
    """Six rows with further columns, one of them removed."""
    with Store.create(tmp_path / "priced") as empty, empty.write() as writer:
        grow(writer, "abcdef", list("xyxyxy"), extra=pa.table(PRICED))
        writer.delete(np.array([4]))
        return writer.commit()


def of_all_columns(store, condition):
    """The rows by a plain query over every column."""
    table = store.table([name for name in store.table().column_names if name != "vector"])
    with duckdb.connect() as connection:
        connection.register("images", table)
        found = connection.execute(f"SELECT row FROM images WHERE ({condition})").fetchnumpy()["row"]
    return np.isin(np.arange(store.next_row), found)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_only_columns_that_a_condition_can_mean_are_loaded(priced, condition, monkeypatch):
    expected, loaded, table = of_all_columns(priced, condition), [], Store.table
    monkeypatch.setattr(Store, "table", lambda self, columns=None: loaded.append(columns) or table(self, columns))
    assert np.array_equal(where(priced, condition), expected)
    every = {*priced.table().column_names} - {"row", "vector"}
    assert set(loaded[0]) - {"row"} == (CONDITIONS[condition] if CONDITIONS[condition] is not None else every)


ATOMS = """
price > 2; PRICE is null; Größe = 's'; größe < 'm'; "on sale"; label = 'x'; KEY >= 'c'; row < 4; source = 's'; null;
file_size % 2 = 0; images.price = 5; key in (select max(KEY) from images)
"""
TREES = st.recursive(
    st.sampled_from(ATOMS.strip().split(";")),
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: "({} {} {})".format(*t)),
    ),
    max_leaves=5,
)


@given(condition=TREES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_condition_of_conditions_means_what_it_means_over_all_columns(priced, condition):
    assert np.array_equal(where(priced, condition), of_all_columns(priced, condition))


def test_an_unknown_column_is_refused_with_all_that_there_are(priced):
    with pytest.raises(LookalikeError, match=r"columns are row, key, label, .*Price, größe, on sale$"):
        where(priced, "colour = 'red'")
