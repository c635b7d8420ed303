"""A recipe: everything that decides what a training gives, checked before anything is read or computed.

One TOML file (DESIGN.md section 8). What it leaves out has the defaults below; what it says and is not known, or
cannot work, is refused with the key, the value and the choices. `Recipe.to_toml` gives the resolved recipe.
"""

import difflib
import json
import shlex
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from ...store.disk.regular import check_all_regular
from ...store.errors import LookalikeError
from .checks import check_together, checked_value, choice, number, validation_classes
from .losses import DISTANCES, MININGS, leave_out_idle, loss_name, margin, options, settled


@dataclass(frozen=True)
class Data:
    """What is learned from: a source, and what of it is kept out of training for choosing among weights."""

    source: str | None = field(default=None, metadata=choice(None, what="a source, such as photos/"))
    validation_classes: float | tuple[str, ...] = field(default=0.2, metadata={"check": validation_classes})


@dataclass(frozen=True)
class Image:
    """The square of size x size pixels that images become, and the augmentations (see `augment`), off by default."""

    size: int = field(default=28, metadata=number(int, 8, 1024))
    channels: int = field(default=1, metadata=choice([1, 3]))
    flip: bool = field(default=False, metadata=choice([True, False]))
    crop: float = field(default=1.0, metadata=number(float, 0.05, 1))
    rotate: float = field(default=0.0, metadata=number(float, 0, 180))
    scale: float = field(default=0.0, metadata=number(float, 0, 0.9))
    shift: float = field(default=0.0, metadata=number(float, 0, 0.5))
    jitter: float = field(default=0.0, metadata=number(float, 0, 1))


@dataclass(frozen=True)
class Model:
    """The network and the length of its vectors."""

    backbone: str = field(default="conv4", metadata=choice(["conv4", "resnet", "efficientnet-lite0"]))
    dim: int = field(default=64, metadata=number(int, 2, 4096))
    pretrained: bool = field(default=False, metadata=choice([True, False]))


@dataclass(frozen=True)
class Loss:
    """What training minimises. What a loss does not take is None; see loss_settings.py for what each takes."""

    name: str = field(default="triplet", metadata={"check": loss_name})
    margin: float | str | None = field(default=0.2, metadata={"check": margin})
    distance: str | None = field(default="euclidean", metadata=choice(list(DISTANCES)))
    shots: int | None = field(default=None, metadata=number(int, 1, 4095))
    scale: float | None = field(default=None, metadata=number(float, 0.01, 1000))
    options: dict[str, Any] | None = field(default=None, metadata={"check": options})


@dataclass(frozen=True)
class Mining:
    """Which triplets of a batch count, for the triplet loss; None for any other, which refuses it."""

    name: str | None = field(default="semi-hard", metadata=choice(list(MININGS)))


@dataclass(frozen=True)
class Batch:
    """P classes with K images each."""

    classes: int = field(default=10, metadata=number(int, 2, 4096))
    images: int = field(default=20, metadata=number(int, 2, 4096))


@dataclass(frozen=True)
class Optimiser:
    """How the weights move."""

    name: str = field(default="adamw", metadata=choice(["adamw"]))
    lr: float = field(default=1e-3, metadata=number(float, 1e-8, 10))
    weight_decay: float = field(default=1e-4, metadata=number(float, 0, 10))


@dataclass(frozen=True)
class Training:
    """How long. patience: validations without a better score before stopping; 0 never stops early."""

    steps: int = field(default=2000, metadata=number(int, 0, 10**8))
    validate_every: int = field(default=200, metadata=number(int, 1, 10**8))
    patience: int = field(default=5, metadata=number(int, 0, 10**6))
    precision: str = field(default="auto", metadata=choice(["auto", "fp32", "bf16"]))
    seed: int = field(default=0, metadata=number(int, 0, 2**31 - 1))


@dataclass(frozen=True)
class Recipe:
    """All that decides a training, section by section."""

    data: Data = field(default_factory=Data)
    image: Image = field(default_factory=Image)
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    mining: Mining = field(default_factory=Mining)
    batch: Batch = field(default_factory=Batch)
    optimiser: Optimiser = field(default_factory=Optimiser)
    training: Training = field(default_factory=Training)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Check nested plain values and give the recipe; LookalikeError names what is wrong."""
        recipe = cls(**_sections(values))
        recipe = settled(recipe, set(values.get("loss", {})), mined="name" in values.get("mining", {}))
        check_together(recipe)
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Give nested plain values, a missing source left out; `from_dict` reads them back."""
        values = json.loads(json.dumps(asdict(self)))
        return {name: {k: v for k, v in keys.items() if v is not None} for name, keys in values.items()}

    def to_toml(self) -> str:
        """Give the resolved recipe as TOML, every key said (a missing source apart)."""
        return "\n".join(_toml_section(name, values) for name, values in self.to_dict().items())

    def with_source(self, source: str | None) -> "Recipe":
        """Give the same recipe on another source, or on none: what remains is the same wherever the images lie."""
        return replace(self, data=replace(self.data, source=source))


def load_recipe(name: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Read a recipe file, or the shipped recipe of that name, then apply "section.key=value" overrides.

    Another loss set over a file's takes the place of all its settings; see `leave_out_idle`, also for what has no use.
    Errors: LookalikeError where there is no such recipe, the file is not TOML, or a key or value does not exist.
    """
    values = _parse(_text(name), str(name))
    _sections(values)
    changes: dict[str, Any] = {}
    for override in overrides:
        _override(changes, override)
    leave_out_idle(values, changes, str(name))
    for override in overrides:
        _override(values, override)
    return Recipe.from_dict(values)


def shipped_recipes() -> list[str]:
    """Name the recipes that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in _shipped_folder().iterdir() if f.name.endswith(".toml"))


def _shipped_folder() -> Any:
    return resources.files(__package__.partition(".")[0] + ".configs")


def _text(name: str | Path) -> str:
    path = Path(name)
    check_all_regular(path)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
        if str(name) in shipped_recipes():
            return (_shipped_folder() / f"{name}.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LookalikeError(f"{name}: cannot be read as a recipe ({error})") from None
    shipped = f"shipped recipes are {', '.join(shipped_recipes())}"
    if path.is_dir():
        command = f"lookalike train RECIPE --data {shlex.quote(str(path))} --out MODEL"
        raise LookalikeError(f"{name} is a folder, not a recipe: `{command}` learns from it; {shipped}")
    near = difflib.get_close_matches(str(name), shipped_recipes(), n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise LookalikeError(f"{name}: no such recipe file{meant}; {shipped}")


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LookalikeError(f"{name}: not TOML: {error}") from None


def _override(values: dict[str, Any], override: str) -> None:
    """Put "section.key=value" into `values`: a TOML value, or else the bare text, so that paths need no quotes."""
    key, equals, text = override.partition("=")
    *tables, name = key.strip().split(".")
    if not equals or not tables or not all((*tables, name)):
        raise LookalikeError(f"--set {override}: write it SECTION.KEY=VALUE, such as training.steps=500")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    target: Any = values
    for depth, table in enumerate(tables, 1):
        target = target.setdefault(table, {})
        if not isinstance(target, dict):
            said = ".".join(tables[:depth])
            raise LookalikeError(f"--set {override}: {said} is a value, {_short(target)}, and has no keys")
    target[name] = value


def _sections(values: dict[str, Any]) -> dict[str, Any]:
    """Check every key and value by itself, and give the sections by name."""
    makers = {f.name: f.default_factory for f in fields(Recipe)}
    _known(values, list(makers), "section")
    return {name: _section(name, make, values.get(name, {})) for name, make in makers.items()}


def _section(name: str, make: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        raise LookalikeError(f"{name} = {values!r}: {name} is a section, [{name}]")
    known = {f.name: f for f in fields(make)}
    _known(values, list(known), "key", prefix=f"{name}.")
    return make(**{key: checked_value(f"{name}.{key}", value, known[key].metadata) for key, value in values.items()})


def _known(values: dict[str, Any], known: list[str], what: str, prefix: str = "") -> None:
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {prefix}{close[0]}? " if close else ""
            raise LookalikeError(
                f"{prefix}{key} = {_short(values[key])}: no such {what}; {hint}they are {', '.join(known)}"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _toml_section(name: str, values: dict[str, Any]) -> str:
    lines = [f"{k} = {toml_value(v)}" for k, v in values.items() if v is not None]
    return "\n".join([f"[{name}]", *lines, ""])


def toml_value(value: Any) -> str:
    """Give a plain value as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    # JSON's strings, numbers, booleans and lists of strings are TOML's, except that JSON does not escape DEL.
    return json.dumps(value, ensure_ascii=False).replace(chr(127), chr(92) + "u007f")
