"""Embedding end to end against what the cores allow: `python benchmarks/embedding_throughput.py [--images 24000]`.

Real JPEGs (crops of scikit-learn's photographs, 640 to 1,600 pixels wide, and Fashion-MNIST where it is installed) are
embedded twice: stage by stage, in a process a core with one thread each, which gives each stage's core-seconds, and by
`lookalike embed` on all cores, process start included. One JSON line for each encoder:

allowed_s = sum of the stages' core-seconds / cores; share = allowed_s / wall_s (target 0.90 where nothing else runs
here), and share_started leaves out start_s, the time until all workers have their model (seen in a run of a few
images); overhead = core-seconds of the whole run / those of the stages. Then fp32 against bf16, channels-last both:
images/s of one process with all threads, and cosine to the fp32 vectors, mean and worst.
"""

import argparse
import gzip
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
SAMPLE = 384
PICTURES = 400
ENCODERS = ("conv4", "efficientnet-lite0")


def make_photos(folder: Path, count: int) -> None:
    """Write `count` JPEGs of different content: seven of eight are photographs, the eighth a garment.

    Beyond the first few hundred, pictures come again with another comment, which costs a decoder the same.
    """
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(image) for image in load_sample_images().images]
    garments = _garments()
    random = np.random.default_rng(0)
    folder.mkdir()
    encoded = []
    for number in range(min(count, PICTURES)):
        picture = _garment(garments, number) if garments is not None and number % 8 == 0 else None
        picture = picture or _crop(photographs[number % len(photographs)], random)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=88)
        encoded.append(stream.getvalue())
    for number in range(count):
        data, comment = encoded[number % PICTURES], b"\xff\xfe\0\x0a%08d" % number
        (folder / f"{number:06d}.jpg").write_bytes(data[:2] + comment + data[2:])
    os.sync()  # else every fsync of the embedding waits until gigabytes of pictures are on the disk


def _garments() -> np.ndarray | None:
    if not FASHION_MNIST.exists():
        return None
    return np.frombuffer(gzip.decompress(FASHION_MNIST.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)


def _garment(garments: np.ndarray, number: int) -> Image.Image:
    return Image.fromarray(garments[number % len(garments)])


def _crop(photograph: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random part of a photograph, enlarged to the size of a shop's or a phone's pictures."""
    side = random.uniform(0.4, 0.9)
    width, height = photograph.width * side, photograph.height * side
    left, top = random.uniform(0, photograph.width - width), random.uniform(0, photograph.height - height)
    wide = int(random.choice([640, 1024, 1600]))
    size = (wide, int(wide * height / width))
    return photograph.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def save_model(name: str, folder: Path) -> None:
    """Save an encoder: the ImageNet weights where they are installed, else random ones, which cost the same time."""
    import torch

    from lookalike.embedder.backbones import build
    from lookalike.embedder.encoders.encoder import encoder_card, make_encoder, save_encoder
    from lookalike.embedder.encoders.load import load_encoder
    from lookalike.embedder.images.preprocessing import Preprocessing
    from lookalike.embedder.recipe.recipe import Recipe
    from lookalike.store.errors import LookalikeError

    if name == "efficientnet-lite0":
        try:
            save_encoder(folder, load_encoder("pretrained", precision="fp32"))
            return
        except LookalikeError as error:
            print(f"random weights: {error}", file=sys.stderr)
    size, channels = (28, 1) if name == "conv4" else (224, 3)
    recipe = Recipe.from_dict({"image": {"size": size, "channels": channels}, "model": {"backbone": name}})
    preprocessing = Preprocessing(size, channels, (0.5,) * channels, (0.25,) * channels)
    torch.manual_seed(0)
    network = build(name, channels=channels, dim=recipe.model.dim)
    save_encoder(folder, make_encoder(network, encoder_card(recipe, preprocessing, "fp32", []), device="cpu"))


def stages(model: str, photos: str, count: int) -> dict[str, float]:
    """Core-seconds per image of each stage, in this process, which must have one thread."""
    import torch

    from lookalike.embedder.encoders.load import load_encoder
    from lookalike.embedder.images.image import prepared, read_image
    from lookalike.embedder.sources import open_source
    from lookalike.store.changing.writer import writing
    from lookalike.store.files.parts import Rows, lookup_columns, write_part
    from lookalike.store.version.store import Store

    torch.set_num_threads(1)
    encoder, source = load_encoder(model, device="cpu"), open_source(photos)
    records = list(source.records())
    records = records[:: max(1, len(records) // count)]
    encoder.encode(np.zeros((8, *pixels_shape(encoder)), np.uint8))
    seconds = dict.fromkeys(("read", "decode", "encode", "write"), 0.0)
    vectors, contents = [], []
    for start in range(0, len(records), 64):
        times = [time.process_time()]
        images = [read_image(source, record.locator) for record in records[start : start + 64]]
        times.append(time.process_time())
        pixels = np.stack([prepared(image.data, encoder.preprocessing).pixels for image in images])
        times.append(time.process_time())
        vectors.append(encoder.encode(pixels))
        times.append(time.process_time())
        contents += [image.sha256 for image in images]
        for name, before, after in zip(seconds, times, times[1:], strict=False):
            seconds[name] += after - before
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(f"{folder}/shop")
        started = time.process_time()
        none, keys = [None] * len(records), [record.key for record in records]
        sizes, mtimes = [r.size for r in records], [r.mtime_ns for r in records]
        rows = Rows(keys, np.concatenate(vectors), none, contents, none, none, source.name, sizes, mtimes)
        with writing(store) as writer:
            writer.add_part(write_part(store.path, rows, None), lookup_columns(rows))
            writer.commit()
        seconds["write"] = time.process_time() - started
    return {name: value / len(records) for name, value in seconds.items()}


def pixels_shape(encoder: Any) -> tuple[int, int, int]:
    """(size, size, channels) of the encoder's input."""
    p = encoder.preprocessing
    return p.size, p.size, p.channels


def cores() -> int:
    """How many cores an embedding would use."""
    from lookalike.embedder.syncing.sync import cores as usable

    return usable()


def whole_run(model: str, photos: str, folder: Path) -> tuple[float, float]:
    """Wall and core-seconds of `lookalike embed` into a new collection, workers included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    start = "from lookalike.cli import main; main()"
    command = [sys.executable, "-c", start, "embed", str(folder), photos, "--model", model, "--json"]
    command += ["--workers", str(cores())]
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done["rejected"]:
        raise SystemExit(f"{done['rejected']} images were rejected")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def precisions(model: str, photos: str) -> dict[str, Any]:
    """Images/s in fp32 and bf16, and the cosines between their vectors."""
    from lookalike.embedder.encoders.hardware import has_bf16
    from lookalike.embedder.encoders.load import load_encoder
    from lookalike.embedder.encoders.precision import choose, closeness
    from lookalike.embedder.images.image import prepared

    encoder = load_encoder(model, precision="fp32")
    paths = sorted(Path(photos).iterdir())[:SAMPLE]
    pixels = np.stack([prepared(path.read_bytes(), encoder.preprocessing).pixels for path in paths])
    found: dict[str, Any] = {"device": encoder.device.type, "fp32_per_s": _rate(encoder, pixels)}
    if has_bf16(encoder.device):
        quick = encoder.with_precision("bf16")
        mean, worst = closeness(encoder.encode(pixels), quick.encode(pixels))
        found |= {"bf16_per_s": _rate(quick, pixels), "cosine_mean": round(mean, 6), "cosine_worst": round(worst, 6)}
    return {**found, "chosen": choose(encoder, pixels)}


def _rate(encoder: Any, pixels: np.ndarray) -> float:
    encoder.encode(pixels[:32])
    started = time.perf_counter()
    encoder.encode(pixels)
    return round(len(pixels) / (time.perf_counter() - started), 1)


def on_all_cores(model: str, photos: str) -> dict[str, float]:
    """What `stages` gives, as the mean of one process a core at once: cores share caches, memory and clock."""
    with ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(lambda _: _apart("stages", model, photos, SAMPLE), range(cores())))
    return {stage: sum(one[stage] for one in found) / len(found) for stage in found[0]}


def _apart(function: str, *arguments: Any) -> Any:
    """Call one of the functions above in a process of its own, set up as a worker is: with one thread."""
    code = f"import json, embedding_throughput as e; print(json.dumps(e.{function}(*{arguments!r})))"
    from lookalike.embedder.syncing.sync import WORKER_ENV

    env = {**os.environ, **WORKER_ENV, "PYTHONPATH": str(Path(__file__).parent)}
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=env).stdout)


def measure(name: str, photos: Path, count: int, folder: Path) -> dict[str, Any]:
    """All numbers of one encoder."""
    model = folder / name
    save_model(name, model)
    each = on_all_cores(str(model), str(photos))
    few = folder / f"{name}-few"
    make_photos(few, 64 * cores())
    start = whole_run(str(model), str(few), folder / f"{name}-start")[0] - 64 * sum(each.values())
    wall, used = whole_run(str(model), str(photos), folder / f"{name}-shop")
    needed = sum(each.values()) * count
    return {
        "encoder": name,
        "images": count,
        "cores": cores(),
        **{f"{stage}_core_ms": round(1000 * seconds, 3) for stage, seconds in each.items()},
        "allowed_s": round(needed / cores(), 2),
        "wall_s": round(wall, 2),
        "share": round(needed / cores() / wall, 3),
        "start_s": round(start, 2),
        "share_started": round(needed / cores() / (wall - start), 3),
        "overhead": round(used / needed, 3),
        **precisions(str(model), str(photos)),
    }


def main() -> None:
    """Print one JSON line for each encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24_000)
    parser.add_argument("--encoder", choices=ENCODERS, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        photos = Path(folder, "photos")
        make_photos(photos, options.images)
        for name in options.encoder or ENCODERS:
            print(json.dumps(measure(name, photos, options.images, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
