"""Index files of a stranger whose hashes fit: read and searched in a child first, so that they cost a line at most."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lookalike.indexer.engine import trial
from lookalike.indexer.engine.device import Device
from lookalike.indexer.engine.library import faiss
from lookalike.indexer.engine.specs import empty_index
from lookalike.indexer.engine.structure import misplaced, structure
from lookalike.indexer.engine.threads import on_one_thread
from lookalike.indexer.index import index
from lookalike.indexer.segments.build import build
from lookalike.indexer.segments.instances import Instances
from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store
from lookalike.store.work import limited

from .forging import forge, in_child, know_nothing, rewrite

N, D = 300, 16
_SPECS = """
Flat SQ8 PQ4 PQ4x4fs RQ2x4 PRQ2x2x4 EDEN4 RaBitQ RaBitQfs HNSW8 HNSW8,SQ8 NSG8 IVF4,Flat IVF4,SQ8 IVF4,PQ4
IVF4,PQ4x4fs IVF4,RaBitQ IVF4,RQ2x4fs IVF4_HNSW4,Flat IVF4(IVF2,Flat),Flat IVF4,FlatPanorama4 OPQ4_8,IVF4,PQ4
PCA8,IVF4,SQ8 Pad32,Flat ITQ16,Flat L2norm,Flat IVF4,PQ4,RFlat IVF4,SQ4,Refine(SQ8) LSQ2x4 PLSQ2x2x4
IVF4,EDEN4 IVF4,PRQ2x2x4fs
"""
SPECS = _SPECS.split()
FUZZ = """
import os, sys, signal, resource
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from forging import edited
from lookalike.indexer.engine.faiss_files import read_faiss
from lookalike.indexer.segments.segment import Segment
from lookalike.indexer.engine.threads import set_threads
from lookalike.indexer.engine.trial import problem
from lookalike.indexer.engine import parameters as knobs
set_threads(1)
folder, seed, edits = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(seed)
files, through = sorted(folder.glob("*.faiss")), 0

def forked(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            os._exit(work())
        except BaseException:
            os._exit(9)
    return os.waitpid(pid, 0)[1]

def search():
    made, queries = read_faiss(path), rng.standard_normal((60, 16)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    for values in ({}, knobs.knobs(made)):
        segment = Segment(made, lambda ids: np.resize(queries, (len(ids), 16)), values)
        for k in (1, 9, 200):
            segment.search(queries, k)
            segment.search(queries[:1], k, np.arange(made.ntotal) % 3 == 0)
    return 0

for number in range(edits):
    whole, spec = files[number % len(files)], files[number % len(files)].stem
    path = folder / "edited"
    path.write_bytes(edited(whole.read_bytes(), rng))
    if forked(lambda: int(problem(path, spec, 16) is not None)) == 0:  # what the child of trial.py says is sound
        through += 1
        ended = forked(search)
        if os.WIFSIGNALED(ended):
            sys.exit(f"edit {number} of {spec} came through and ended by signal {ended}")
print(through)
"""


def unit(rng, n, d=D):
    rows = rng.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of index files, each named after its spec; on one thread, since teams wait for each other too long."""
    folder, rows = tmp_path_factory.mktemp("files"), unit(np.random.default_rng(0), N)
    with on_one_thread():
        for spec in SPECS:
            made = build(spec, D, rows, [(np.arange(N), rows)], Device("cpu"), N)
            faiss.write_index(made, str(folder / f"{spec}.faiss"))
    return folder


@pytest.mark.parametrize("spec", SPECS)
def test_what_faiss_writes_is_sound(files, spec):
    path = files / f"{spec}.faiss"
    assert trial.problem(path, spec, D) is None
    read = faiss.read_index(str(path))
    assert structure(read) == structure(empty_index(spec, D)) and list(misplaced(read)) == []
    assert trial.problem(path, "Flat" if spec != "Flat" else "SQ8", D) is not None
    assert trial.problem(path, spec, D + 1) is not None


def fuzz(files, tmp_path, seed, edits):
    shutil.copytree(files, tmp_path / "files")
    done = in_child(FUZZ, Path(__file__).parent, tmp_path / "files", seed, edits, timeout=120 + edits)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout.split()[-1]) < edits


def test_some_edits_that_come_through_end_no_process(files, tmp_path):
    fuzz(files, tmp_path, 0, 2 * len(SPECS))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_edits_that_come_through_end_no_process(files, tmp_path, seed):
    fuzz(files, tmp_path, seed, 1500)


@pytest.fixture
def shop(tmp_path):
    """shop(spec): the path of a copied, indexed collection, as from somebody else, and the name of its segment."""

    def make(spec="HNSW8"):
        from lookalike import Collection

        rows = unit(np.random.default_rng(1), N)
        with Collection.create(tmp_path / "own") as own:
            own.add(rows, [str(i) for i in range(N)], [f"c{i % 4}" for i in range(N)])
            index(own.path, spec=spec)
        shutil.copytree(tmp_path / "own", tmp_path / "shop")
        with Store.open(tmp_path / "shop") as store:
            return tmp_path / "shop", store.content.segments[0].file

    return make


def search(path):
    with Store.open(path) as store:
        return Instances(store, "cpu").search(unit(np.random.default_rng(2), 3), 5)


def test_what_a_stranger_wrote_is_tried_once_and_what_index_wrote_is_not(shop, tmp_path, monkeypatch):
    path, _ = shop()
    calls, tried = [], trial._tried
    monkeypatch.setattr(trial, "_tried", lambda files: (calls.append(len(files)), tried(files))[1])
    assert np.array_equal(search(path)[1], search(tmp_path / "own")[1]) and calls == []  # a copy has the same bytes
    know_nothing(monkeypatch, tmp_path / "cache")
    for _ in range(2):
        assert search(path)[1].shape == (3, 5)
    assert calls == [1]


CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "import time; time.sleep(60)"


@pytest.mark.parametrize(("child", "said"), [(CRASH, "SIGSEGV"), (HANG, "did not end within 1 s"), ("", "exit 0")])
def test_a_file_that_ends_its_child_costs_one_line(shop, tmp_path, monkeypatch, child, said):
    path, name = shop()
    know_nothing(monkeypatch, tmp_path / "cache")
    run = limited.subprocess.run
    monkeypatch.setattr(trial, "SECONDS", 1)
    monkeypatch.setattr(limited.subprocess, "run", lambda command, **o: run([*command[:2], child], **o))
    with pytest.raises(Damaged, match=rf"{name} is not an index that can be searched.*{said}.*--compact") as refused:
        search(path)
    assert "\n" not in str(refused.value)
    monkeypatch.undo()
    monkeypatch.setattr(trial, "SECONDS", 60)
    assert search(path)[1].shape == (3, 5)  # nothing was remembered


def test_a_neighbour_that_is_not_there_is_refused_and_verify_says_so(shop):
    path, name = shop()
    made = faiss.read_index(str(path / name))
    neighbours = faiss.vector_to_array(made.hnsw.neighbors)
    neighbours[5] = 10**8
    faiss.copy_array_to_vector(neighbours, made.hnsw.neighbors)
    faiss.write_index(made, str(path / "forged"))
    forge(path, name, (path / "forged").read_bytes())
    with pytest.raises(LookalikeError, match=f"{name}"):
        search(path)
    assert [problem for _, problem in verify(path) if problem] == []  # the store knows no FAISS

    def opened(file, spec, dim):
        return trial.unreadable(trial.File(file, "", spec, dim))

    assert [file for file, problem in verify(path, opened) if problem] == [name]
    index(path, compact=True)
    assert search(path)[1].shape == (3, 5)


@pytest.mark.parametrize(
    "parameters",
    [{"efSearch": 10**9}, {"efSearch": 0}, {"efSearch": "x"}, {"efSearch": True}, {"nprobe": 1}, {"efSearch": 1.5}],
)
def test_parameters_beyond_an_index_are_refused_in_one_line(shop, parameters):
    path, _ = shop()
    rewrite(path, lambda content: content["segments"][0].update(parameters=parameters))
    with pytest.raises(LookalikeError, match=r"is to be searched with|parameters") as refused:
        search(path)
    assert "\n" not in str(refused.value)


def test_verify_in_the_shell_opens_indexes(shop, capsys):
    from lookalike.cli import run

    path, name = shop("IVF4,SQ8")
    assert run(["verify", str(path)]) == 0
    with Store.open(path) as store:
        other = store.content.prototypes.index.file
    forge(path, name, (path / other).read_bytes())
    capsys.readouterr()
    assert run(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert f"{name}: its" in out and "1 problems" in out
