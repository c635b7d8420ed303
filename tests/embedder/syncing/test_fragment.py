"""A fragment is a pure function: run twice or in pieces, it gives the same rows."""

import io
import json
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.sources import open_source
from lookalike.embedder.syncing import fragment as fragment_module
from lookalike.embedder.syncing.fragment import embed_fragment, let_go
from lookalike.store.changing.writer import writing
from lookalike.store.codec import from_plain
from lookalike.store.errors import LookalikeError
from lookalike.store.files.content import PartEntry
from lookalike.store.files.parts import read_part
from lookalike.store.version.store import Store
from lookalike.store.work.fragments import perform


@pytest.fixture
def payload(tmp_path, model, encoder, image):
    """The payload of a fragment of 40 pictures, three of them twice and one of them bad."""
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(40):
        (root / f"{number:02d}.jpg").write_bytes(b"bad" if number == 7 else image(number % 36, "JPEG"))
    Store.create(tmp_path / "shop")
    with writing(Store.open(tmp_path / "shop")) as writer:
        writer.set_model(encoder.digest, encoder.dim, "fp32", encoder.files())
        version = writer.commit().version
    source = open_source(root)
    yield {
        "collection": str(tmp_path / "shop"),
        "version": version,
        "model": {"folder": str(model), "digest": encoder.digest, "precision": "fp32", "device": "cpu"},
        "source": source.describe(),
        "name": source.name,
        "extra_types": {},
        "records": [[*record, -1] for record in source.records()],
    }
    let_go()


def part(payload, result):
    entry = from_plain(PartEntry, result["part"], "part")
    table = read_part(Store.open(payload["collection"]).path / entry.file)
    return table.drop_columns("vector"), np.array(table["vector"].to_pylist(), np.float32)


def test_it_may_run_twice(payload):
    first, second = embed_fragment(payload), embed_fragment(json.loads(json.dumps(payload)))
    assert first["part"]["file"] != second["part"]["file"]
    (rows, vectors), (rows_again, vectors_again) = part(payload, first), part(payload, second)
    assert rows.equals(rows_again)
    np.testing.assert_array_equal(vectors, vectors_again)
    volatile = {"part", "seconds"}
    assert {k: v for k, v in first.items() if k not in volatile} == {
        k: v for k, v in second.items() if k not in volatile
    }
    assert (first["embedded"], first["duplicates"], first["skipped"], first["records"]) == (35, 4, 0, 40)
    assert [reject[:2] for reject in first["rejects"]] == [["07.jpg", "decode"]]


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_same_image_gives_the_same_vector_in_any_batch(payload, batch, monkeypatch):
    _, whole = part(payload, embed_fragment(payload))
    monkeypatch.setattr("lookalike.embedder.encoders.encoder.CORE_PIXELS", -(-batch * 28**2 // torch.get_num_threads()))
    let_go()  # the encoder that was loaded with another batch
    rows, vectors = part(payload, embed_fragment(payload))
    assert fragment_module._kept_encoder[1].batch == batch
    np.testing.assert_allclose(vectors, whole, atol=1e-6)
    order = np.random.default_rng(batch).permutation(len(payload["records"]))
    shuffled = {**payload, "records": [payload["records"][i] for i in order]}
    rows_shuffled, vectors_shuffled = part(payload, embed_fragment(shuffled))
    by_key = dict(zip(rows["key"].to_pylist(), vectors, strict=True))
    for key, vector in zip(rows_shuffled["key"].to_pylist(), vectors_shuffled, strict=True):
        np.testing.assert_allclose(vector, by_key[key], atol=1e-6)


def test_it_resolves_by_name_with_json_alone(payload):
    work = {
        "number": 0,
        "collection": payload["collection"],
        "work": "lookalike.embedder.syncing.fragment:embed_fragment",
    }
    assert perform({**work, "payload": payload})["embedded"] == 35


def test_an_image_without_a_vector_is_rejected_with_its_twins(payload, monkeypatch):
    encode = Encoder.encode

    def zeros_for_some(self, images):
        rows = encode(self, images)
        rows[0] = 0
        rows[1] = np.nan
        return rows

    monkeypatch.setattr(Encoder, "encode", zeros_for_some)
    result = embed_fragment(payload)
    encode_rejects = sorted(key for key, stage, *_ in result["rejects"] if stage == "encode")
    assert encode_rejects == ["00.jpg", "01.jpg", "36.jpg", "37.jpg"]
    assert (result["embedded"], result["duplicates"]) == (33, 2)
    rows, vectors = part(payload, result)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert not set(encode_rejects) & set(rows["key"].to_pylist())


def test_encoded_images_are_not_kept_in_memory(payload, tmp_path):
    root = tmp_path / "large"
    root.mkdir()
    random = np.random.default_rng(0)
    for number in range(24):
        stream = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (700, 700, 3)).astype(np.uint8)).save(stream, "BMP")
        (root / f"{number}.bmp").write_bytes(stream.getvalue() if number % 2 else stream.getvalue()[:-9])
    source = open_source(root)
    payload = {**payload, "source": source.describe(), "records": [[*record, -1] for record in source.records()]}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = embed_fragment(payload)
        # The rejects' tracebacks would hold twelve files of 1.5 MB.
        assert tracemalloc.get_traced_memory()[0] - before < 4_000_000
    finally:
        tracemalloc.stop()
    assert (result["embedded"], len(result["rejects"])) == (12, 12)


def test_the_payload_says_where_to_encode(payload, monkeypatch):
    let_go()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(LookalikeError, match="device is 'gpu'"):
        embed_fragment({**payload, "model": {**payload["model"], "device": "gpu"}})
    assert embed_fragment(payload)["embedded"] == 35
    with pytest.raises(LookalikeError, match="device is 'gpu'"):  # what is loaded for one device does not serve another
        embed_fragment({**payload, "model": {**payload["model"], "device": "gpu"}})
