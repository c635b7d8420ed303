"""A process that searches, forks, and lets its child search.

`python -m lookalike.tests.search.forking SHOP PHOTO WHAT...`

WHAT: what the parent asks before it forks; the child then asks everything. Prints what both found.
"""

import json
import multiprocessing
import sys
import threading
import warnings

import numpy as np

from lookalike import Collection


def answers(shop: Collection, photo: str, what: list[str]) -> dict[str, list]:
    """The keys that each kind of question finds."""
    vectors = shop._view.store.gather(np.arange(40))
    asked = {"image": [photo], "vector": [vectors[7]], "key": ["key:a/04.png"], "batch": [vectors], "class": None}
    found = {}
    for name in what:
        if asked[name] is None:
            found[name] = [decision.nearest for decision in shop.classify([photo])]
        else:
            hits = shop.search(asked[name], k=3)
            found[name] = [list(map(str, keys)) for keys in hits.keys()]  # noqa: SIM118
    return found


def in_child(shop: Collection, photo: str, queue) -> None:
    every = ["key", "vector", "batch", "image", "class"]
    queue.put(answers(shop, photo, every))
    in_a_thread: list = []
    thread = threading.Thread(target=lambda: in_a_thread.append(answers(shop, photo, every)))
    thread.start()
    thread.join()
    queue.put(in_a_thread[0])


def main(folder: str, photo: str, *what: str) -> None:
    """Ask, fork and ask; exit 1 where the child does not answer."""
    warnings.simplefilter("ignore")  # newer Pythons warn of every fork of a process that has threads
    shop = Collection.open(folder)
    before = answers(shop, photo, list(what))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(shop, photo, queue), daemon=True)
    child.start()
    after = [queue.get(timeout=90) for _ in range(2)]
    child.join(30)
    still = answers(shop, photo, list(what))
    print(json.dumps({"before": before, "after": after, "still": still, "code": child.exitcode}))


if __name__ == "__main__":
    main(*sys.argv[1:])
