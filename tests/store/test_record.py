"""Records: each way to read the mapping gives what `to_json` gives."""

import importlib
import json
import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass, field, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.record import WHEN_MEASURED, Record, json_name


@dataclass(frozen=True, eq=False)
class Inner(Record):
    count: int
    share: float | None


@dataclass(frozen=True, eq=False)
class Outer(Record):
    first: int
    odd_name: float | None = field(metadata=json_name("odd-name"))
    inner: Inner | None
    several: tuple[Inner, ...]
    named: dict[str, Inner]
    extra: Inner | None = field(default=None, metadata=WHEN_MEASURED)
    rows: tuple[Inner, ...] | None = field(default=None, metadata=WHEN_MEASURED)


shares = st.none() | st.floats(0, 1)
inners = st.builds(Inner, st.integers(0, 9), shares)
outers = st.builds(
    Outer,
    first=st.integers(),
    odd_name=shares,
    inner=st.none() | inners,
    several=st.lists(inners, max_size=3).map(tuple),
    named=st.dictionaries(st.text(max_size=3), inners, max_size=2),
    extra=st.none() | inners,
    rows=st.none() | st.lists(inners, max_size=2).map(tuple),
)


def as_dict(value: Any) -> Any:
    """What a record was before it was one, written by hand."""
    if isinstance(value, Inner):
        return {"count": value.count, "share": value.share}
    if isinstance(value, tuple):
        return [as_dict(each) for each in value]
    if not isinstance(value, Outer):
        return value
    plain = {
        "first": value.first,
        "odd-name": value.odd_name,
        "inner": as_dict(value.inner),
        "several": as_dict(value.several),
        "named": {name: as_dict(inner) for name, inner in value.named.items()},
    }
    optional = {"extra": as_dict(value.extra), "rows": as_dict(value.rows)}
    return plain | {name: measured for name, measured in optional.items() if measured is not None}


@given(outers)
def test_every_way_to_read_a_record_agrees_with_its_json(record):
    plain = as_dict(record)
    assert json.dumps(record.to_json()) == json.dumps(plain)  # names, order and values
    assert json.dumps(dict(record)) == json.dumps({**record}) == json.dumps(plain)
    assert list(record) == list(record.keys()) == list(plain) and len(record) == len(plain)
    assert list(record.items()) == list(plain.items()) and list(record.values()) == list(plain.values())
    assert record == plain and plain == record and (record != plain) is False
    assert record != plain | {"more": 1} and record != 7
    for name in (*plain, "extra", "rows", "missing", "odd_name"):
        assert (name in record) == (name in plain)
        assert record.get(name, "none") == plain.get(name, "none")
        if name not in plain:
            with pytest.raises(KeyError, match=name):
                record[name]


@given(outers)
def test_a_record_survives_pickle_and_copies(record):
    pickled = pickle.loads(pickle.dumps(record))  # noqa: S301
    for again in (pickled, deepcopy(record)):
        assert type(again) is Outer and again == record
        assert [getattr(again, f.name) for f in fields(again)] == [getattr(record, f.name) for f in fields(record)]


def test_a_record_is_frozen_and_says_its_fields():
    record = Inner(2, 0.5)
    assert repr(record) == "Inner(count=2, share=0.5)"
    with pytest.raises(FrozenInstanceError):
        record.count = 3
    with pytest.raises(TypeError):
        hash(record)


def test_all_results_compare_as_mappings():
    for module in ("collection", "evaluating.bench", "evaluating.evaluate", "report.report"):
        importlib.import_module(f"lookalike.search.{module}")
    kinds = [*Record.__subclasses__()]
    assert len(kinds) > 8
    for kind in kinds:
        assert kind.__eq__ is Record.__eq__, f"{kind.__name__} needs eq=False"
        assert kind.__dataclass_params__.frozen, f"{kind.__name__} needs frozen=True"
        assert not {f.name for f in fields(kind)} & set(dir(Record)), kind.__name__
