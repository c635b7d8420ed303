"""Codes of Hugging Face's ClassLabel in a file of vectors: as in a table of images, below zero means no label."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from lookalike.store.changing.importing import import_vectors
from lookalike.store.errors import LookalikeError, LookalikeWarning
from lookalike.store.foreign.columns.class_label import class_label
from lookalike.store.version.store import Store

NAMED = {"names": ["cat", "dog"], "_type": "ClassLabel"}
COUNTED = {"num_classes": 2, "_type": "ClassLabel"}


def metadata(feature, column="animal"):
    return {b"huggingface": json.dumps({"info": {"features": {column: feature}}}).encode()}


def imported(folder, labels, feature, kind="parquet"):
    """The labels of an import of these."""
    vectors = [row.tolist() for row in np.eye(len(labels), dtype=np.float32)]
    table = pa.table({"vector": vectors, "animal": labels}).replace_schema_metadata(metadata(feature))
    if kind == "parquet":
        pq.write_table(table, folder / "x.parquet")
    else:
        feather.write_feather(table, folder / "x.feather", "uncompressed")
    import_vectors(folder / "shop", folder / f"x.{kind}", label_column="animal")
    with Store.open(folder / "shop") as store:
        return store.labels(store.live_rows())


CODES = {
    "int64": pa.array([1, -1, None, 0]),
    "int8": pa.array([1, -3, None, 0], pa.int8()),
    "double": pa.array([1.0, -1.0, float("nan"), 0.0]),
    "dictionary": pa.array([1, -1, None, 0]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize(
    ("feature", "expected"), [(NAMED, ["dog", None, None, "cat"]), (COUNTED, ["1", None, None, "0"])]
)
def test_codes_below_zero_are_no_label(tmp_path, kind, codes, feature, expected):
    assert imported(tmp_path, CODES[codes], feature, kind) == expected


@pytest.mark.parametrize("feature", [NAMED, COUNTED])
@pytest.mark.parametrize("code", [2, 1.5])
def test_a_code_beyond_the_names_is_refused_with_its_row(tmp_path, feature, code):
    with pytest.raises(
        LookalikeError, match=rf"'animal', row 2: label code {code} has no class, since the schema names 2"
    ):
        imported(tmp_path, pa.array([0, 1, code]), feature)
    assert not (tmp_path / "shop").exists()


def test_names_and_other_features_stay_as_they_are(tmp_path):
    with pytest.warns(LookalikeWarning, match="label '-1' is treated as a class like any other"):
        assert imported(tmp_path, pa.array(["x", "-1", None]), NAMED) == ["x", "-1", None]
    assert class_label(metadata({"dtype": "int64", "_type": "Value"}), "animal") is None
    assert class_label(metadata(NAMED), "other") is None and class_label({b"huggingface": b"[]"}, "animal") is None
    many = class_label(metadata({"num_classes": 10**15, "_type": "ClassLabel"}), "animal")
    assert many.name(10**14, "here") == str(10**14)  # a number costs no list of names
