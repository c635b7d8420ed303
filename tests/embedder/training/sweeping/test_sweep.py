"""A sweep trains every combination once, scores all on the same images, and goes on where it was cut off."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lookalike import cli
from lookalike.embedder.training.sweeping import sweep as sweep_module
from lookalike.embedder.training.sweeping.sweep import combinations, sweep
from lookalike.store.errors import LookalikeError

SHORT = ("training.steps=4", "training.validate_every=2", "image.size=16", "batch.images=4", "model.dim=8")


@pytest.fixture
def source(tmp_path):
    """Six classes of ten images, a bright square at another place each, as a Parquet table."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    random = np.random.default_rng(0)
    data, labels = [], []
    for code in range(6):
        for _ in range(10):
            pixels = random.integers(0, 60, (8, 8), dtype=np.uint8)
            pixels[code : code + 2, code : code + 2] += 150
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            data.append(stream.getvalue())
            labels.append(f"class {code}")
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"bytes": data, "label": labels, "key": [f"{i:02d}" for i in range(60)]}), path)
    return str(path)


def test_combinations_are_a_product_the_last_key_fastest():
    planned = combinations("digits", ["model.dim=4,8", "loss.margin=0.1,0.5"])
    assert [settings for settings, _ in planned] == [
        {"model.dim": 4, "loss.margin": 0.1},
        {"model.dim": 4, "loss.margin": 0.5},
        {"model.dim": 8, "loss.margin": 0.1},
        {"model.dim": 8, "loss.margin": 0.5},
    ]
    assert [(recipe.model.dim, recipe.loss.margin) for _, recipe in planned] == [(4, 0.1), (4, 0.5), (8, 0.1), (8, 0.5)]


@pytest.mark.parametrize(
    ("varied", "message"),
    [
        (["model.dim"], "write it as SECTION.KEY=V1,V2"),
        (["model.dim=4,"], "write it as SECTION.KEY=V1,V2"),
        (["model.dim=4,4"], "has a value twice"),
        (["model.dim=4,8", "model.dim=16"], "names a key twice"),
        (["training.seed=0,1"], "different images"),
        (["data.validation_classes=0,0.2"], "different images"),
        (["model.dim=4,many"], "model.dim"),
        (["model.size=4"], "unknown key model.size"),
    ],
)
def test_what_cannot_be_varied_is_refused_before_any_work(varied, message):
    with pytest.raises(LookalikeError, match=message):
        combinations("digits", varied)


def test_the_source_is_read_as_the_options_say(source, tmp_path, capsys):
    import pyarrow.parquet as pq

    table = pq.read_table(source).rename_columns({"bytes": "img", "label": "kind"})
    pq.write_table(table, tmp_path / "other.parquet")
    settings = [word for setting in SHORT[:-1] for word in ("--set", setting)]
    words = ["sweep", "digits", "--vary", "model.dim=4", "--out", str(tmp_path / "out"), "--device", "cpu", "--json"]
    words += [*settings, "--data", str(tmp_path / "other.parquet")]
    assert cli.run(words) == 1 and "give --image-column img" in capsys.readouterr().err
    assert cli.run([*words, "--image-column", "img", "--label-column", "kind"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["vector_bytes"] == 16


def test_every_combination_is_trained_once_and_scored(source, tmp_path, monkeypatch):
    planned = combinations("digits", ["model.dim=4,8"], SHORT)
    runs = list(sweep(planned, tmp_path / "out", data=source, device="cpu"))
    assert [run.settings for run in runs] == [{"model.dim": 4}, {"model.dim": 8}]
    assert [run.vector_bytes for run in runs] == [16, 32]
    for run in runs:
        scores = json.loads((tmp_path / "out" / f"model.dim={run.settings['model.dim']}/encoder.json").read_text())
        assert run.map_at_r == pytest.approx(scores["scores"]["map_at_r"], abs=1e-6)
        assert run.recall_at_1 == pytest.approx(scores["scores"]["recall_at_1"], abs=1e-6)
        assert np.nanmean(run.precisions) == pytest.approx(run.map_at_r)
        assert run.steps == 4 and run.seconds > 0 and run.encode_us > 0 and run.error is None
    monkeypatch.setattr("lookalike.embedder.training.trainer.Trainer.advance", None)  # nothing is trained again
    again = list(sweep(planned, tmp_path / "out", data=source, device="cpu"))
    assert [run.map_at_r for run in again] == [run.map_at_r for run in runs]


def test_images_are_decoded_once_for_all_that_want_them_alike(source, tmp_path, monkeypatch):
    read, sizes = sweep_module.read_training_set, []
    monkeypatch.setattr(
        sweep_module, "read_training_set", lambda s, wanted, *rest: sizes.append(wanted.size) or read(s, wanted, *rest)
    )
    planned = combinations("digits", ["model.dim=4,8", "image.size=16,20"], SHORT)
    assert len(list(sweep(planned, tmp_path / "out", data=source, device="cpu"))) == 4
    assert sizes == [16, 20]


def test_a_training_that_comes_to_nothing_does_not_stop_the_others(source, tmp_path):
    planned = combinations("digits", ["optimiser.lr=10,0.001"], SHORT)
    broken, fine = sweep(planned, tmp_path / "out", data=source, device="cpu")
    assert (broken.map_at_r is None) == (broken.error is not None)
    assert fine.error is None and fine.map_at_r is not None


def test_a_sweep_without_a_source_says_so(tmp_path):
    with pytest.raises(LookalikeError, match=r"data\.source is missing"):
        list(sweep(combinations("glyphs", ["model.dim=4"]), tmp_path / "out"))


def run_shell(*arguments, cwd):
    code = "from lookalike.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "sweep", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_shell_prints_a_table_and_leaves_a_picture(source, tmp_path):
    pytest.importorskip("matplotlib")
    settings = [part for setting in SHORT for part in ("--set", setting)]
    asked = ["digits", "--vary", "model.dim=4,8", "--vary", "loss.margin=0.1,0.3", "--data", source, *settings]
    done = run_shell(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["model.dim", "loss.margin", "MAP@R", "recall@1", "train", "s", "bytes", "us/image"]
    assert [row.split()[:2] for row in rows[:4]] == [["4", "0.1"], ["4", "0.3"], ["8", "0.1"], ["8", "0.3"]]
    assert sum(row.endswith("best") for row in rows) == 1
    assert [row.split(":")[0] for row in rows[4:]] == ["model.dim", "loss.margin"]
    picture = (tmp_path / "lookalike-sweep/sweep.svg").read_text()
    assert "model.dim" in picture and "validation MAP@R" in picture and "loss.margin 0.3" in picture
    again = run_shell(*asked, "--json", cwd=tmp_path)
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert lines[1]["settings"] == {"model.dim": 4, "loss.margin": 0.3}
    assert [line["gain"]["key"] for line in lines[4:]] == ["model.dim", "loss.margin"]
    assert {"map_at_r", "recall_at_1", "seconds", "vector_bytes", "encode_us", "error"} < set(lines[0])
