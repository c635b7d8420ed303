"""Every loss by every way to decide, after the same minutes of training of the same network on one core each.

    python benchmarks/losses.py [--out FOLDER] [--sets fashion glyphs] [--minutes 5] [--table]
    python benchmarks/losses.py ... [--seeds 0 ...] [--losses NAME ...] [--held-out]     a part of it

Two sets: Fashion-MNIST (60,000 images to learn and to compare with, 10,000 to ask) and 250 letters in the faces of the
DejaVu fonts (glyphs.py; two thirds of the faces to learn and to compare with, the others ask). The network is
the small `resnet`, 64 dimensions; a short trial of a loss says how many steps the minutes allow, so that its cosine
schedule ends when they do, and `seconds` says what they took of the core. Runs go one a core. Each leaves a line in
FOLDER/runs.jsonl and its encoder beside; running again goes on with what is missing (a run that was cut off begins
anew, so that its seconds are its own), and the table of all lines is printed at the end (`--table`: that alone).

First comes every loss with seed 0; then the best three and softmax with seeds 1 and 2, and with all three seeds without
some classes. --held-out trains without two classes (three pairs, one a seed; on glyphs 50 letters) and asks with them
too: auroc_<way> is the AUROC of known against unknown by the distance that the way decides by, and softmax_odds by the
largest probability of the softmax that was trained (softmax alone).
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from statistics import median

import numpy as np
from glyphs import face_of, glyphs
from ways import WAYS, decided, odds, retrieved

FASHION = Path("/usr/share/datasets/fashion-mnist")
PAIRS = (("5", "7"), ("6", "0"), ("2", "8"))  # the classes held out of Fashion-MNIST, by seed
SOFTMAX = "softmax"
LOSSES: dict[str, tuple[str, ...]] = {
    "triplet, all": ("mining.name=all",),
    "triplet, semi-hard": ("mining.name=semi-hard",),
    "triplet, hard": ("mining.name=hard", "optimiser.lr=3e-4"),  # at 2e-3 all images get one vector
    "triplet, soft margin": ("loss.margin=soft", "mining.name=all"),  # hard ones collapse too
    "triplet, distance-weighted": ("mining.name=distance-weighted",),
    "triplet, FaceNet's mix": ("mining.name=facenet-mix",),
    "contrastive": ("loss.name=contrastive",),
    "pairs": ("loss.name=pairs",),
    "prototypical": ("loss.name=prototypical",),
    SOFTMAX: ("loss.name=softmax",),
    "proxy-anchor (PML)": ("loss.name=pml:ProxyAnchorLoss",),
}
SHAPES = {
    "fashion": ("image.flip=true", "image.shift=0.07", "batch.classes=10", "batch.images=25"),
    "glyphs": ("image.rotate=10", "image.scale=0.1", "image.shift=0.07", "batch.classes=32", "batch.images=4"),
}
COMMON = (
    "model.backbone=resnet", "model.dim=64", "optimiser.lr=2e-3", "optimiser.weight_decay=1e-3",
    "data.validation_classes=0", "training.patience=0",
)  # fmt: skip
TRIAL = 12  # steps


def images_of(name: str, held_out: bool, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images uint8 (n, 28, 28, 1) and labels (n,) str to "learn", to "ask", and, where held out, "unknown" ones."""
    if name == "fashion":
        learn, ask = (_fashion(part) for part in ("train", "t10k"))
        unknown = np.array(PAIRS[seed % len(PAIRS)] if held_out else [], dtype=str)
    else:
        images, labels = glyphs(300 if held_out else 250)
        face = face_of(len(images))
        part = np.isin(face, np.random.default_rng(0).permutation(face.max() + 1)[: (face.max() + 1) * 2 // 3])
        learn, ask = ((images[chosen], labels[chosen]) for chosen in (part, ~part))
        letters = np.random.default_rng(seed).permutation(np.unique(labels))
        unknown = letters[250:] if held_out else letters[:0]
    parts = {"learn": learn, "ask": ask, "unknown": ask}
    return {
        part: (images[keep], labels[keep])
        for part, (images, labels) in parts.items()
        for keep in [np.isin(labels, unknown) == (part == "unknown")]
    }


def _fashion(part: str) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(FASHION / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(FASHION / f"{part}-labels-idx1-ubyte.gz") as file:
        return images, np.frombuffer(file.read(), np.uint8, offset=8).astype(str)


def run(job: dict, out: Path) -> dict:
    """Train and measure one job in this process; its numbers."""
    from lookalike.embedder.encoders.encoder import Encoder
    from lookalike.embedder.training.train import train_arrays
    from lookalike.store.errors import TrainingFailed

    parts = images_of(job["set"], job["held_out"], job["seed"])
    settings = [*COMMON, *SHAPES[job["set"]], *job["settings"], f"training.seed={job['seed']}"]
    if job["held_out"] and job["set"] == "fashion":
        settings.append("batch.classes=8")
    model = out / "-".join(re.sub(r"[^\w.]+", "_", f"{value}") for value in job.values())
    steps = kept(Path(f"{model}.steps"), lambda: steps_in(60 * job["minutes"], recipe_of(settings), *parts["learn"]))
    recipe = recipe_of([*settings, f"training.steps={steps}", f"training.validate_every={-(-steps // 4)}"])
    images, labels = parts["learn"]
    shutil.rmtree(model, ignore_errors=True)
    start = time.process_time()
    try:
        card = train_arrays(images, labels.tolist(), recipe, model)
    except TrainingFailed as error:
        return {"failed": str(error)}
    seconds = time.process_time() - start
    encoder = Encoder.load(model)
    vectors = {part: encoder.encode(images) for part, (images, _) in parts.items() if len(images)}
    names = {part: labels for part, (_, labels) in parts.items()}
    numbers = {"steps": card.steps, "seconds": round(seconds), "best_step": card.best_step}
    numbers |= retrieved(vectors, names) | decided(vectors, names)
    if job["held_out"] and job["loss"] == SOFTMAX:
        numbers["softmax_odds"] = odds(model, encoder, vectors)
    return numbers


def recipe_of(settings: list[str]):
    """The recipe of these settings, and defaults."""
    from lookalike.embedder.recipe.recipe import load_recipe

    with tempfile.NamedTemporaryFile(suffix=".toml") as nothing:
        return load_recipe(nothing.name, settings)


def kept(path: Path, count: Callable[[], int]) -> int:
    """What `count` gave when it was first asked: an interrupted training goes on with as many steps."""
    if not path.exists():
        path.write_text(str(count()))
    return int(path.read_text())


def steps_in(seconds: float, recipe, images: np.ndarray, labels: np.ndarray) -> int:
    """How many steps, with four validations, the seconds allow; by a short trial."""
    import torch

    from lookalike.embedder.training import validation
    from lookalike.embedder.training.trainer import Trainer

    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    fit, held = validation.split(labels.astype(object), 0, recipe.training.seed)
    trainer = Trainer(recipe, images, codes, fit, held, torch.device("cpu"))
    times = []
    for _ in range(TRIAL):
        start = time.process_time()
        trainer.advance()
        times.append(time.process_time() - start)
    start = time.process_time()
    trainer.look()
    looks = 5 * (time.process_time() - start)
    return max(20, int((seconds - looks) / median(times[2:])))


def stages(arguments: argparse.Namespace) -> Iterator[list[dict]]:
    """The jobs of each stage, or of the part asked for; which losses are best is known when their stage begins."""
    if arguments.seeds or arguments.losses or arguments.held_out:
        for name in arguments.sets:
            yield jobs(arguments, name, arguments.losses or LOSSES, arguments.seeds or [0], arguments.held_out)
        return
    for name in arguments.sets:
        yield jobs(arguments, name, LOSSES, [0], False)
    for name in arguments.sets:
        chosen = [*best(lines(arguments.out), name, arguments.minutes), SOFTMAX]
        yield jobs(arguments, name, chosen, [1, 2], False)
        yield jobs(arguments, name, chosen, [0, 1, 2], True)


def jobs(
    arguments: argparse.Namespace, name: str, losses: Iterable[str], seeds: Iterable[int], held_out: bool
) -> list[dict]:
    """One for each loss and seed."""
    fixed = {"held_out": held_out, "minutes": arguments.minutes}
    return [
        {"set": name, "loss": loss, "settings": list(LOSSES[loss]), "seed": seed, **fixed}
        for seed in seeds
        for loss in losses
    ]


def best(done: list[dict], name: str, minutes: float, count: int = 3) -> list[str]:
    """The metric losses whose best way was right most often with seed 0."""
    wanted = {"set": name, "minutes": minutes, "seed": 0, "held_out": False}
    scores = {
        line["loss"]: max(line[way] for way in WAYS)
        for line in done
        if wanted.items() <= line.items() and line["loss"] != SOFTMAX and "failed" not in line
    }
    return sorted(scores, key=lambda loss: -scores[loss])[:count]


def lines(out: Path) -> list[dict]:
    """What is done."""
    path = out / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(done: list[dict]) -> str:
    """Medians over seeds, a line a loss, best accuracy of any way first; one table for each set, open or not."""
    parts = []
    for name, held_out, minutes in sorted({(line["set"], line["held_out"], line["minutes"]) for line in done}):
        chosen = [d for d in done if (d["set"], d["held_out"], d["minutes"]) == (name, held_out, minutes)]
        aside = ("set", "loss", "settings", "held_out", "minutes", "seed", "failed")
        columns = [c for c in dict.fromkeys(c for line in chosen for c in line) if c not in (*aside, "softmax_odds")]
        columns += ["softmax_odds"] if held_out else []
        rows = {loss: [d for d in chosen if d["loss"] == loss] for loss in dict.fromkeys(d["loss"] for d in chosen)}
        rows = dict(sorted(rows.items(), key=lambda row: -max(_median(row[1], way) or 0 for way in WAYS)))
        parts.append(
            f"\n{name}{', two kinds of classes held out' if held_out else ''}, {minutes:g} minutes of one core"
        )
        parts.append("  ".join([f"{'loss':<28}", "seeds", *(f"{column:>13}" for column in columns)]))
        for loss, of in rows.items():
            cells = [_cell(_median(of, column)) for column in columns]
            parts.append("  ".join([f"{loss:<28}", f"{len(of):>5}", *(f"{cell:>13}" for cell in cells)]))
        parts += [f"  {line['loss']}, seed {line['seed']}: {line['failed']}" for line in chosen if "failed" in line]
    return "\n".join(parts)


def _median(of: list[dict], column: str) -> float | None:
    values = [line[column] for line in of if line.get(column) is not None]
    return median(values) if values else None


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value > 1 else f"{value:.4f}"


def main() -> None:
    """Run what is missing, one job a core, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("losses-runs"))
    parser.add_argument("--sets", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--losses", nargs="+", choices=list(LOSSES))
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--table", action="store_true", help="print the table of what is done")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.job:
        print(json.dumps({**arguments.job, **run(arguments.job, arguments.out)}))
        return
    for stage in [] if arguments.table else stages(arguments):
        done = lines(arguments.out)
        run_all([job for job in stage if not any(job.items() <= line.items() for line in done)], arguments.out)
    print(table(lines(arguments.out)))


def run_all(jobs: list[dict], out: Path) -> None:
    """Run the jobs, one a core, and keep each line as soon as it is there; SystemExit at the end where some failed."""
    failed = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool, open(out / "runs.jsonl", "a") as raw:
        running = {pool.submit(_apart, job, out): job for job in jobs}
        for done in as_completed(running):
            code, line = done.result()
            if code:
                failed.append(running[done])
            else:
                raw.write(line)
                raw.flush()
    if failed:
        sys.exit(f"{len(failed)} of {len(jobs)} runs failed: {failed}")


def _apart(job: dict, out: Path) -> tuple[int, str]:
    """The exit code and the line of a job, run in a process of its own on one core."""
    print(f"{time.strftime('%H:%M:%S')} {job}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--out", str(out), "--job", json.dumps(job)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    return done.returncode, done.stdout


if __name__ == "__main__":
    main()
