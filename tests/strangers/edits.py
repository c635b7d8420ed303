"""Edits of a stranger's files that no hash tells: each takes the bytes of a file of one kind and a random generator."""

import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .forging import edited

NUMBERS = [0, 1, -1, 2**31, 2**63 - 1, -(2**63), math.nan, math.inf, -math.inf, 1e300, 0.5, 10**400]
DEEP = 100_000


def raw(data: bytes, rng: np.random.Generator) -> bytes:
    """A few other bytes, or the file cut short."""
    return data[: int(rng.integers(len(data)))] if rng.random() < 0.1 else edited(data, rng)


def table(data: bytes, rng: np.random.Generator) -> bytes:
    """A Parquet file with one column of another kind, other values or other rows, or other words in its footer."""
    held = pq.read_table(io.BytesIO(data))
    name = held.column_names[rng.integers(held.num_columns)]
    changes = [_typed, _nulls, _numbers, _rows, _without, _doubled, _metadata, _text, _nested]
    try:
        held = changes[rng.integers(len(changes))](held, name, rng)
    except pa.ArrowException:
        held = held.slice(0, 1)
    stream = pa.BufferOutputStream()
    compression = ["none", "zstd", "snappy", "gzip"][rng.integers(4)]
    pq.write_table(held, stream, compression=compression, use_dictionary=bool(rng.integers(2)))
    return stream.getvalue().to_pybytes()


def _set(held, name, array):
    return held.set_column(held.column_names.index(name), name, array)


def _typed(held, name, rng):
    kinds = [pa.int8(), pa.int64(), pa.float64(), pa.binary(), pa.string(), pa.bool_(), pa.null(), pa.date32()]
    return _set(held, name, pa.array([None] * held.num_rows, kinds[rng.integers(len(kinds))]))


def _nulls(held, name, rng):
    return _set(held, name, pa.array([None] * held.num_rows, held.column(name).type))


def _numbers(held, name, rng):
    """Some odd numbers, in a list where there are lists."""
    column = held.column(name).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    lists = pa.types.is_fixed_size_list(column.type)
    inner = column.flatten() if lists else column
    if not (pa.types.is_floating(inner.type) or pa.types.is_integer(inner.type)):
        return _nulls(held, name, rng)
    values = inner.to_numpy(zero_copy_only=False).copy()
    number = NUMBERS[rng.integers(len(NUMBERS))]
    with np.errstate(all="ignore"):
        odd = np.float64(float(number) if abs(number) < 1e308 else 1e300)
        values[rng.integers(len(values))] = odd.astype(values.dtype)
    array = pa.array(values)
    return _set(held, name, pa.FixedSizeListArray.from_arrays(array, column.type.list_size) if lists else array)


def _rows(held, name, rng):
    count = [0, 1, held.num_rows - 1, held.num_rows * 2][rng.integers(4)]
    return pa.concat_tables([held, held]).slice(0, count)


def _without(held, name, rng):
    return held.drop_columns([name])


def _doubled(held, name, rng):
    return held.append_column(name, held.column(name))


def _metadata(held, name, rng):
    said = [b"", b"[]", b"7", b'{"model": 7}', b'{"model": "x", "format": 99}', b"[" * DEEP, b"\xff\xfe", b"null"]
    return held.replace_schema_metadata({b"lookalike": said[rng.integers(len(said))]})


def _text(held, name, rng):
    """Text that is no UTF-8, long, or full of what a terminal obeys."""
    texts = [b"\xff\xfe", b"x" * 1_000_000, b"\x1b[31m\x07", b"", b"%uDCFF%uuDCFF"]
    value = texts[rng.integers(len(texts))]
    binary = pa.array([value] * held.num_rows, pa.large_binary())
    return _set(held, name, binary.view(pa.large_string()))


def _nested(held, name, rng):
    kind = pa.list_(pa.struct([("a", pa.list_(pa.int64()))]))
    return _set(held, name, pa.array([[{"a": [1]}]] * held.num_rows, kind))


def document(data: bytes, rng: np.random.Generator) -> bytes:
    """JSON with one value that is another, or nested beyond all sense."""
    held = json.loads(data)
    places = list(_places(held))
    holder, key = places[rng.integers(len(places))]
    texts = ["", "x", "\x1b[31m", "\ud800", "9" * 5000]
    values = [None, True, [], {}, [1], {"a": 1}, *NUMBERS, *texts]
    holder[key] = values[rng.integers(len(values))]
    if rng.random() < 0.1:
        holder[key] = "DEEP"
        return json.dumps(held).replace('"DEEP"', "[" * DEEP + "]" * DEEP).encode()
    return json.dumps(held).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def array(data: bytes, rng: np.random.Generator) -> bytes:
    """A .npy file of another shape or dtype than its bytes are of, or with other values."""
    held = np.load(io.BytesIO(data))
    if rng.random() < 0.4:
        values = held.copy()
        values[rng.integers(len(values))] = rng.integers(-(2**63), 2**63 - 1, dtype=np.int64).astype(values.dtype)
        stream = io.BytesIO()
        np.save(stream, values[: rng.integers(len(values) + 1)] if rng.random() < 0.5 else values)
        return stream.getvalue()
    shapes = ["(2**62,)", "(9999999999999999,)", "(-5,)", "()", "(3, 3)", "(0,)", "1", "(1, " * 2000, "('a',)"]
    kinds = ["|u1", "<i8", "|O", "<f8", ">i8", "<U100000", "V8", "[('a', '<i8')]", "|u9", ""]
    shape, kind = shapes[rng.integers(len(shapes))], kinds[rng.integers(len(kinds))]
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data[128:]
