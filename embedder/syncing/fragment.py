"""The pure function of embedding: a fragment of records in, one part file out, wherever it runs.

Images are read and hashed a few at a time. A content that the collection knows, or that came earlier in the fragment,
is copied and not encoded again; all others are decoded and encoded in batches.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...store.codec import to_plain
from ...store.errors import LookalikeError
from ...store.files.parts import write_part
from ...store.version.store import Store
from ...store.work import heartbeat
from ..encoders.encoder import Encoder
from ..encoders.load import load_encoder
from ..images.image import Image, read_image
from ..images.rejected import Rejected
from ..sources import Record, Source, from_spec
from .assembly import Assembly
from .extra_columns import ExtraColumns, extra_table

_FEW, _FEW_BYTES = 64, 64 << 20

_kept_encoder: tuple[str, Encoder] | None = None
_kept_source: tuple[str, Source] | None = None


def embed_fragment(payload: dict[str, Any]) -> dict[str, Any]:
    """Embed `payload["records"]` and publish their part; what the driver needs to commit it, as JSON values.

    payload: collection and version (what is known), model (folder, digest, precision, device), source (its spec),
    name, extra_types, extra_names (what the further columns are called in the collection), records (lists of Record's
    fields and the row that has the key already, or -1), timeout (seconds that decoding an image may take; the
    environment's where there is none).
    Result: part (its entry or null), encoded (which of its rows were encoded here), embedded, skipped and duplicates
    (counts), rejects ([key, stage, reason, content]), replaced (rows that new rows stand for), dropped (rows whose
    file is no longer an image), touched ([row, size, mtime_ns] of files that only looked changed), records, seconds
    (without loading the model).
    """
    encoder, source = _encoder(payload["model"]), _source(payload["source"])
    started = time.monotonic()
    records, own = [Record(*fields) for *fields, _ in payload["records"]], [row for *_, row in payload["records"]]
    with Store.open(payload["collection"], payload["version"]) as store:
        types, names = payload["extra_types"], payload.get("extra_names")
        columns = ExtraColumns(store, types, names)
        other = columns.changed(records, np.array(own, dtype=np.int64))
        # A decoder can end or hang a process that has nobody to end it. Where one has, no image goes a detour until a
        # fragment has failed: then each is decoded apart, and the one to blame is found.
        apart = not heartbeat.watched() or payload.get("attempt", 1) > 1
        limits = {"apart": apart, "seconds": payload.get("timeout"), "turns": payload["model"]["folder"]}
        assembly = Assembly(store, encoder, own, other.tolist(), **limits)
        for images in _few(source, records, assembly):
            assembly.add(images)
        result = assembly.finish()
        rows = result.rows(payload["name"], extra_table(result.records, types, names))
        entry = write_part(store.path, rows, payload["model"]["digest"]) if rows.keys else None
    return {
        **result.report(),
        "part": to_plain(entry and replace(entry, first_row=0)),  # which row is first, the writer decides
        "records": len(records),
        "seconds": time.monotonic() - started,
    }


def _few(source: Source, records: Sequence[Record], assembly: Assembly) -> Iterator[list[tuple[int, Record, Image]]]:
    """Read images a few at a time, bounded in bytes too: (place in the fragment, record, image)."""
    few: list[tuple[int, Record, Image]] = []
    held = 0
    for place, record in enumerate(records):
        try:
            image = read_image(source, record.locator)
        except Rejected as rejected:
            assembly.reject(place, record, rejected)
            continue
        few.append((place, record, image))
        held += image.size
        if len(few) == _FEW or held > _FEW_BYTES:
            yield few
            few, held = [], 0
    if few:
        yield few


def load_model(payload: dict[str, Any]) -> dict[str, Any]:
    """Load a model (`payload`: model, digest, device) for the fragments to come; its precision on this hardware.

    LookalikeError where it cannot be read, or is not the one of that digest any more.
    """
    global _kept_encoder
    loaded = load_encoder(payload["model"], device=payload["device"])
    if loaded.digest != payload["digest"]:
        raise LookalikeError(f"{payload['model']} changed while it was read: run embed again")
    _kept_encoder = (_encoder_name({**payload, "precision": loaded.precision}), loaded)
    return {"precision": loaded.precision}


def keep(source: Source) -> None:
    """Let fragments that run in this process use the source as it is open already."""
    global _kept_source
    _kept_source = (json.dumps(source.describe(), sort_keys=True), source)


def let_go() -> None:
    """Forget what was kept: a source's file may change before the next run."""
    global _kept_encoder, _kept_source
    _kept_encoder = _kept_source = None


def _encoder(model: dict[str, str]) -> Encoder:
    global _kept_encoder
    name = _encoder_name(model)
    if _kept_encoder is None or _kept_encoder[0] != name:
        loaded = load_encoder(Path(model["folder"]), device=model["device"], precision=model["precision"])
        _kept_encoder = (name, loaded)
    return _kept_encoder[1]


def _encoder_name(model: dict[str, str]) -> str:
    return f"{model['digest']} {model['precision']} {model['device']}"


def _source(spec: dict[str, Any]) -> Source:
    global _kept_source
    name = json.dumps(spec, sort_keys=True)
    if _kept_source is None or _kept_source[0] != name:
        _kept_source = (name, from_spec(spec))
    return _kept_source[1]
