"""A child that was forked after its parent had searched answers as the parent does; a Collection can be sent to it."""

import copy
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from lookalike import Collection
from lookalike.embedder.syncing.sync import embed
from lookalike.store.errors import LookalikeError
from lookalike.tests.embedder.conftest import image_bytes, save_encoder, untrained

EVERY = ("image", "vector", "key", "batch", "class")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """(collection, image): 40 photos in two classes, indexed as a graph."""
    folder = tmp_path_factory.mktemp("forked")
    for number in range(40):
        (folder / f"photos/{'ab'[number % 2]}").mkdir(parents=True, exist_ok=True)
        (folder / f"photos/{'ab'[number % 2]}/{number:02d}.png").write_bytes(image_bytes(number))
    save_encoder(folder / "model", untrained())
    embed(folder / "shop", str(folder / "photos"), model=folder / "model")
    return folder / "shop", folder / "photos/a/04.png"


def forked(shop, photo, *what):
    command = [sys.executable, "-P", "-m", "lookalike.tests.search.forking", str(shop), str(photo), *what]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, env={**os.environ, "OMP_NUM_THREADS": "3"}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", [("image",), pytest.param((), marks=pytest.mark.long), EVERY])
def test_a_forked_child_answers_as_its_parent(photos, what):
    shop, photo = photos
    found = forked(shop, photo, *what)
    assert found["code"] == 0 and found["still"] == found["before"]
    for after in found["after"]:
        assert set(after) == set(EVERY) and after["image"][0][0] == "a/04.png" and len(after["batch"]) == 40
        for name, keys in found["before"].items():
            assert after[name] == keys


FAISS_ALONE = """
import multiprocessing, numpy as np, faiss
from lookalike.indexer.engine import library
rows = np.random.default_rng(0).random((3000, 16), np.float32)
index = faiss.index_factory(16, "HNSW16")
index.add(rows)
before = index.search(rows, 5)[1]
queue = (context := multiprocessing.get_context("fork")).Queue()
child = context.Process(target=lambda: queue.put(index.search(rows, 5)[1]), daemon=True)
child.start()
assert np.array_equal(queue.get(timeout=60), before)
"""
SCIKIT_LEARN_ALONE = """
import multiprocessing, numpy as np
from sklearn.neighbors import NearestNeighbors
from lookalike.search.linear import forked
rows = np.random.default_rng(0).random((4000, 16), np.float32)
nearest = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(rows)
before = nearest.kneighbors(rows)[1]
queue = (context := multiprocessing.get_context("fork")).Queue()
child = context.Process(target=lambda: queue.put(nearest.kneighbors(rows)[1]), daemon=True)
child.start()
assert np.array_equal(queue.get(timeout=60), before)
"""


@pytest.mark.parametrize("script", [FAISS_ALONE, SCIKIT_LEARN_ALONE])
def test_threads_of_a_library_do_not_hang_a_forked_child(script):
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_a_collection_is_sent_as_its_path_and_version(photos, tmp_path):
    with Collection.open(photos[0]) as shop:
        shop.search(str(photos[1]))
        data = pickle.dumps(shop)
        assert len(data) < 1000
        with pickle.loads(data) as again, copy.copy(shop) as copied:  # noqa: S301
            for other in (again, copied):
                assert (other.path, other._view.store.version, len(other)) == (shop.path, shop._view.store.version, 40)
                assert other.search(str(photos[1]), k=2).keys() == shop.search(str(photos[1]), k=2).keys()


def count(shop):
    return len(shop), shop._view.store.version


def test_a_collection_goes_to_a_spawned_process_at_its_version(tmp_path):
    rows = np.eye(4, dtype=np.float32)
    shop = Collection.create(tmp_path / "shop")
    shop.add(rows, list("abcd"))
    held = Collection.open(tmp_path / "shop")
    shop.remove(["a"])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(count, (held,)) == (4, held._view.store.version)
        assert pool.apply(count, (shop,)) == (3, shop._view.store.version)


def found(shop):
    return shop.search(["a", "b"], k=2)


def test_hits_come_back_from_another_process_with_their_keys(tmp_path):
    with Collection.create(tmp_path / "shop") as shop:
        shop.add(np.eye(4, dtype=np.float32), list("abcd"), ["x", "y", "x", "y"])
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            hits, here = pool.apply(found, (shop,)), found(shop)
        assert np.array_equal(hits.scores, here.scores)
        assert (hits.queries, hits.keys(), hits.labels(), hits.paths()) == (
            *(here.queries, here.keys(), here.labels()),
            [[None, None], [None, None]],
        )


def test_a_sent_collection_whose_version_is_gone_says_so(tmp_path):
    shop = Collection.create(tmp_path / "shop")
    data = pickle.dumps(shop)
    shop.close()
    (shop.path / "manifests/00000001.json").unlink()
    with pytest.raises(LookalikeError, match="shop"):
        pickle.loads(data)  # noqa: S301


def test_threads_that_ask_at_once_load_one_encoder(photos, monkeypatch):
    from lookalike.search.images import ImageEncoder

    made, real = [], ImageEncoder.of
    monkeypatch.setattr(ImageEncoder, "of", lambda *given: made.append(1) or real(*given))
    with Collection.open(photos[0]) as shop:
        found: list = []
        start = threading.Barrier(6)

        def ask():
            start.wait()
            found.append(shop.search(str(photos[1]), k=1).keys())

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[["a/04.png"]]] * 6 and len(made) == 1
