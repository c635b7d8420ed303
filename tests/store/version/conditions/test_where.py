"""Conditions in SQL over stored columns, against a plain filter; a condition reaches nothing else."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike import Collection, LookalikeError
from lookalike.store.changing.writer import writing
from lookalike.store.version.conditions.limits import left_running
from lookalike.store.version.conditions.where import where
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table


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
        ("lower(label) in ('a', 'c') and length(key) = 3", lambda i: i % 3 == 0),
        ("key like 'k1%' or regexp_matches(key, '^k2[0-4]$')", lambda i: 10 <= i < 25),
        (
            "case label when 'a' then row > 10 else label is not null end",
            lambda i: i % 3 == 1 or (i % 3 == 0 and i > 10),
        ),
        ("CAST(replace(key, 'k', '') AS INTEGER) between 5 and 9", lambda i: 5 <= i < 10),
        ("current_date > date '2020-01-01' and year(current_date) > 2000", lambda i: True),
        ("if(label = 'a', row, -1) >= 0 and list_contains(['a', 'b'], label)", lambda i: i % 3 == 0),
        ("coalesce(label, 'c') || key = 'ck05'", lambda i: i == 5),
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
    with pytest.raises(LookalikeError, match="a sub-select is not allowed in a condition"):
        shop.search(np.array([1, 0], np.float32), where=f"(SELECT count(*) FROM read_csv('{secret}')) > 0")
    with pytest.raises(LookalikeError, match="function 'read_text' is not allowed in a condition"):
        shop.search(np.array([1, 0], np.float32), where=f"read_text('{secret}') is not null")


PRICED = {"Price": [3, 1, None, 7, 5, 2], "größe": list("smlsml"), "on sale": [True, False] * 3}
# Each with the columns beside `row` that it loads; None: all, since it may mean one without its name.
CONDITIONS = {
    "price > 2": {"Price"},
    "PRICE > 2 and Label = 'x'": {"Price", "label"},
    '"Price" > 2': None,
    '"on sale"': None,
    "größe = 's'": {"größe"},
    "images.größe = 'm'": None,
    "length(größe) = 1": {"größe"},
    "row % 2 = 0": set(),
    "true": set(),
    "key = 'price'": {"key", "Price"},
    "#2 = 'a'": None,
    "images is not null": None,
}


@pytest.fixture
def priced(tmp_path, grow):
    """Six rows with further columns, one of them removed."""
    with Store.create(tmp_path / "priced") as empty, writing(empty) as writer:
        grow(writer, "abcdef", list("xyxyxy"), extra=pa.table(PRICED))
        writer.delete(np.array([4]))
        return writer.commit()


def of_all_columns(store, condition):
    """The rows by a plain query over every column."""
    table = live_table(store, [name for name in live_table(store).column_names if name != "vector"])
    with duckdb.connect() as connection:
        connection.register("images", table)
        found = connection.execute(f"SELECT row FROM images WHERE ({condition})").fetchnumpy()["row"]
    return np.isin(np.arange(store.next_row), found)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_only_columns_that_a_condition_can_mean_are_loaded(priced, condition, monkeypatch):
    expected, loaded = of_all_columns(priced, condition), []
    monkeypatch.setattr(
        "lookalike.store.version.conditions.where.live_table",
        lambda store, columns=None: loaded.append(columns) or live_table(store, columns),
    )
    assert np.array_equal(where(priced, condition), expected)
    every = {*live_table(priced).column_names} - {"row", "vector"}
    assert set(loaded[0]) - {"row"} == (CONDITIONS[condition] if CONDITIONS[condition] is not None else every)


ATOMS = """
price > 2; PRICE is null; Größe = 's'; größe < 'm'; "on sale"; label = 'x'; KEY >= 'c'; row < 4; source = 's'; null;
file_size % 2 = 0; images.price = 5; upper(KEY) in ('A', 'C')
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


REFUSED = {
    "row in (select 1)": "a sub-select",
    "exists (select 1 from images a, images b, images c, images d)": "a sub-select",
    "(with recursive t(x) as (select 1 union all select x + 1 from t) select max(x) from t) > 0": "a sub-select",
    "label = any(select key from images)": "a sub-select",
    "array(select 1) = [1]": "a sub-select",
    "row in (from range(1000000000))": "a sub-select",
    "not (label = 'a' or case when true then (select 1) = 1 end)": "a sub-select",
    "lower((select 'a')) = 'a'": "a sub-select",
    "sum(row) > 1": "function 'sum'",
    "row_number() over () < 3": "a window function",
    "sum(row) over (partition by label) > 1": "a window function",
    "columns('^k') > 2": r"\* or COLUMNS",
    "coalesce(*columns('k.*')) > ''": r"\* or COLUMNS",
    "?::varchar = ''": "a parameter",
    "$a = 1": "a parameter",
    "list_transform([1], x -> x) = [1]": "function 'list_transform'",
    "[x for x in [1, 2]] = [1]": "function '.*' is not allowed|a lambda",
    "sleep_ms(100000) is null": "function 'sleep_ms'",
    "pg_sleep(10) is null": "function 'pg_sleep'",
    "getenv('HOME') = ''": "function 'getenv'",
    "current_setting('threads') = 1": "function 'current_setting'",
    "random() < 0.5": "function 'random'",
    "nextval('s') = 1": "function 'nextval'",
    "error('x')": "function 'error'",
    "unnest([1]) = 1": "function 'unnest'",
    "repeat('x', 1000000000) = ''": "function 'repeat'",
    "len(range(1000000000000)) > 1": "function 'range'",
    "len(generate_series(1, 1000000000000)) > 1": "function 'generate_series'",
    "lpad(key, 1000000000, 'x') = ''": "function 'lpad'",
    "format('{:>1000000000}', key) = ''": "function 'format'",
    "printf('%1000000000d', row) = ''": "function 'printf'",
    "list_resize([1], 1000000000) is null": "function 'list_resize'",
    "hex(hex(hex(key))) = ''": "function 'hex'",
    "replace(replace(key, 'k', 'kkkkkkkk'), 'k', 'kkkkkkkk') = ''": "replace",
    "replace(key, label, key) = ''": "replace",
    "key::bit = '1'": "conversion to type bit",
    "key::int[] is null": "conversion to type",
    "cast(key as struct(a int)) is null": "conversion to type",
    f"key || '{'x' * 10_001}' = ''": "10,001 characters",
    f"key = '{'x' * 1_000_001}'": "characters, and 1,000,000 are allowed",
    "label = 'a' order by 1": "syntax|not an expression",
    "label = 'a' qualify true": "syntax|not an expression",
    "label = 'a' group by all": "syntax|not an expression",
}


@pytest.mark.parametrize("condition", REFUSED, ids=lambda condition: condition[:40])
def test_more_than_an_expression_over_the_columns_is_refused_by_name(shop, condition):
    with pytest.raises(LookalikeError, match=f"(?i){REFUSED[condition]}") as caught:
        where(shop._view.store, condition)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def test_many_keys_may_be_listed(shop):
    names = ", ".join(f"'k{i:02d}'" for i in range(5, 10_000))
    assert where(shop._view.store, f"key in ({names})").nonzero()[0].tolist() == list(range(5, 30))


def test_deep_nesting_ends_in_an_answer_or_one_line(shop):
    for condition in ("(" * 3000 + "true" + ")" * 3000, "not " * 5000 + "true", "- " * 20_000 + "1 > 0"):
        with contextlib.suppress(LookalikeError):
            assert where(shop._view.store, condition).sum() in (0, 29)


LONG = "x" * 4900
NEVER = f"levenshtein(key || '{LONG}', '{LONG}') > 3"  # about 25 ms a row


@pytest.fixture
def large(tmp_path):
    """20,000 rows, with which NEVER takes minutes."""
    with Collection.create(tmp_path / "large") as collection:
        collection.add(np.eye(8, dtype=np.float32).repeat(2500, 0), [f"k{i}" for i in range(20_000)])
        yield collection


def test_a_condition_that_takes_too_long_is_stopped_in_any_thread(large, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_WHERE_TIME", "500ms")
    with pytest.raises(LookalikeError, match=r"LOOKALIKE_WHERE_TIME is not understood: time '500ms'"):
        where(large._view.store, NEVER)
    monkeypatch.setenv("LOOKALIKE_WHERE_TIME", "0.5s")
    with ThreadPoolExecutor(2) as pool:
        for failed in [pool.submit(where, large._view.store, NEVER) for _ in range(2)]:
            with pytest.raises(LookalikeError, match=r"took longer than 0.5 s, the limit that LOOKALIKE_WHERE_TIME"):
                failed.result(60)
    monkeypatch.delenv("LOOKALIKE_WHERE_TIME")
    assert where(large._view.store, "key = 'k7'").nonzero()[0].tolist() == [7]


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_condition_ends_with_an_interrupt(large, signal_):
    listens = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"  # background jobs do not
    code = f"{listens}; from lookalike.cli import main; sys.argv[0] = 'lookalike'; print('begun', flush=True); main()"
    command = [sys.executable, "-c", code, "search", str(large.path), "k1", "--where", NEVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(2)
        process.send_signal(signal_)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and said.strip() == "lookalike: interrupted"


JOINED = "||".join(["key"] * 300)
BOMBS = {
    f"levenshtein({JOINED}, {JOINED}) > 3": r"levenshtein\(\) takes texts of 10,000 characters .* up to 39,600",
    f"damerau_levenshtein(#2, {JOINED}) > 3": r"damerau_levenshtein\(\) takes texts of 10,000",
    f"jaro_similarity(images::varchar, {JOINED}) > 3": r"jaro_similarity\(\) takes texts of 10,000",
    f"list_has_any([{','.join(['key'] * 4000)}], [{','.join(['label'] * 4000)}])": "took longer than 1 s",
}


@pytest.fixture
def wordy(tmp_path):
    """3,000 rows whose keys have 66 characters."""
    with Collection.create(tmp_path / "wordy") as collection:
        collection.add(np.eye(4, dtype=np.float32).repeat(750, 0), [f"{i:066d}" for i in range(3000)])
        yield collection


@pytest.mark.parametrize("condition", BOMBS, ids=lambda condition: condition[:30])
def test_what_takes_for_ever_over_a_single_row_is_refused_or_stopped(wordy, monkeypatch, condition):
    monkeypatch.setenv("LOOKALIKE_WHERE_TIME", "1s")
    with pytest.raises(LookalikeError, match=BOMBS[condition]):
        where(wordy._view.store, condition)
    assert not left_running()


def test_texts_of_a_usual_length_are_compared(wordy):
    assert where(wordy._view.store, f"levenshtein(key, '{7:066d}') = 0").nonzero()[0].tolist() == [7]
    assert where(wordy._view.store, "regexp_matches(key || key, '^0*7') and key like '%7'").sum() == 12


def test_memory_and_threads_are_bounded(shop, monkeypatch):
    asked, connect = [], duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: asked.append(k["config"]) or connect(*a, **k))
    for name, value in (("OMP_NUM_THREADS", "3"), ("LOOKALIKE_WHERE_MEMORY", "64M"), ("LOOKALIKE_WHERE_THREADS", "2")):
        monkeypatch.setenv(name, value)
        where(shop._view.store, "true")
    assert [config["threads"] for config in asked] == [3, 3, 2]
    assert [config["memory_limit"] for config in asked] == ["1073741824B", "67108864B", "67108864B"]
    for name, value in (("MEMORY", "1M"), ("MEMORY", "lots"), ("THREADS", "0"), ("THREADS", "many"), ("TIME", "soon")):
        monkeypatch.setenv(f"LOOKALIKE_WHERE_{name}", value)
        with pytest.raises(LookalikeError, match=f"LOOKALIKE_WHERE_{name} .*{value}"):
            where(shop._view.store, "true")
        monkeypatch.delenv(f"LOOKALIKE_WHERE_{name}")


@pytest.mark.parametrize("failure", [MemoryError(), duckdb.OutOfMemoryException("Out of Memory Error: failed\nhint")])
def test_what_takes_too_much_memory_is_one_line(shop, monkeypatch, failure):
    def fail(*_):
        raise failure

    monkeypatch.setattr("lookalike.store.version.conditions.where._selected", fail)
    monkeypatch.setenv("LOOKALIKE_WHERE_MEMORY", "64M")
    with pytest.raises(
        LookalikeError, match=r"more memory than 64 MiB, the limit that LOOKALIKE_WHERE_MEMORY sets; co"
    ):
        where(shop._view.store, "true")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("widht > 200", "there is no column 'widht': did you mean 'width'?"),
        ("label = china", "there is no column 'china': if it is a text, put it in single quotes: label = 'china'"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_what_was_meant(shop, condition, words):
    with pytest.raises(LookalikeError, match=re.escape(words)):
        where(shop._view.store, condition)
