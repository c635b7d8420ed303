"""A recipe: everything that determines the result of a training, checked before anything is read or computed.

A recipe is one TOML file (DESIGN.md section 8). Keys that it leaves out have the defaults below. An unknown key and an
invalid value are refused, with the key, the value and the choices. `Recipe.to_toml` gives the resolved recipe.
"""

import copy
import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w

from ...store.checks import did_you_mean, quoted
from ...store.disk.regular import check_all_regular
from ...store.errors import LookalikeError
from .checks import check_together, checked_value, choice, number, validation_classes
from .losses import DISTANCES, MININGS, leave_out_idle, loss_name, margin, options, settled


@dataclass(frozen=True)
class Data:
    """The images to learn from: a source, and the part of it that is kept for validation, which chooses the weights."""

    source: str | None = field(default=None, metadata=choice(None, what="a source, such as photos/"))
    validation_classes: float | tuple[str, ...] = field(default=0.2, metadata={"check": validation_classes})


@dataclass(frozen=True)
class Image:
    """The size of images (size x size pixels) and the augmentations (see `augment`), which are off by default."""

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
    """The loss that training minimises. Settings that a loss lacks are None; recipe/losses.py lists those of each."""

    name: str = field(default="triplet", metadata={"check": loss_name})
    margin: float | str | None = field(default=0.2, metadata={"check": margin})
    distance: str | None = field(default="euclidean", metadata=choice(list(DISTANCES)))
    shots: int | None = field(default=None, metadata=number(int, 1, 4095))
    scale: float | None = field(default=None, metadata=number(float, 0.01, 1000))
    options: dict[str, Any] | None = field(default=None, metadata={"check": options})


@dataclass(frozen=True)
class Mining:
    """Which triplets of a batch count. Only the triplet loss has a mining; for any other loss it is None."""

    name: str | None = field(default="semi-hard", metadata=choice(list(MININGS)))


@dataclass(frozen=True)
class Batch:
    """The number of classes in a batch, and the number of images per class."""

    classes: int = field(default=10, metadata=number(int, 2, 4096))
    images: int = field(default=20, metadata=number(int, 2, 4096))


@dataclass(frozen=True)
class Optimiser:
    """How the weights are updated."""

    name: str = field(default="adamw", metadata=choice(["adamw"]))
    lr: float = field(default=1e-3, metadata=number(float, 1e-8, 10))
    weight_decay: float = field(default=1e-4, metadata=number(float, 0, 10))


@dataclass(frozen=True)
class Training:
    """How long to train. patience: validations without a better score before training stops; with 0 it never does."""

    steps: int = field(default=2000, metadata=number(int, 0, 10**8))
    validate_every: int = field(default=200, metadata=number(int, 1, 10**8))
    patience: int = field(default=5, metadata=number(int, 0, 10**6))
    precision: str = field(default="auto", metadata=choice(["auto", "fp32", "bf16"]))
    seed: int = field(default=0, metadata=number(int, 0, 2**31 - 1))


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training, section by section."""

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
        """The recipe of nested plain values, all checked. Raises LookalikeError that names the wrong key or value."""
        recipe = cls(**_sections(values))
        recipe = settled(recipe, set(values.get("loss", {})), mined="name" in values.get("mining", {}))
        check_together(recipe)
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """The recipe as nested plain values, without the keys that are None; `from_dict` reads them."""
        values = json.loads(json.dumps(asdict(self)))
        return {name: {k: v for k, v in keys.items() if v is not None} for name, keys in values.items()}

    def to_toml(self) -> str:
        """The resolved recipe as TOML, with every key except those that are None."""
        return tomli_w.dumps(self.to_dict())

    def with_source(self, source: str | None) -> "Recipe":
        """The same recipe with another source, or without one: the rest does not depend on where the images are."""
        return replace(self, data=replace(self.data, source=source))


def load_recipe(name: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """Read a recipe file, or the shipped recipe with that name, and then apply the overrides.

    overrides: texts such as "section.key=value", or values by "section.key". If they set another loss, all settings of
    the file's loss are replaced; see `leave_out_idle`, which also handles settings that have no effect. Raises
    LookalikeError if there is no such recipe, if the file is not TOML, and for an unknown key or an invalid value.
    """
    values = _parse(_text(name), str(name))
    _sections(values)
    settings = list(_settings(overrides))
    changes: dict[str, Any] = {}
    for setting in settings:
        _set(changes, *setting)
    leave_out_idle(values, changes, str(name))
    for setting in settings:
        _set(values, *setting)
    return Recipe.from_dict(values)


def shipped_recipes() -> list[str]:
    """The names of the recipes that come with the package."""
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
        raise LookalikeError(f"cannot read the recipe {name}: {error}") from None
    shipped = f"the shipped recipes are {', '.join(shipped_recipes())}"
    if path.is_dir():
        command = f"lookalike train RECIPE --data {shlex.quote(str(path))} --out MODEL"
        raise LookalikeError(f"{name} is a folder, not a recipe: train on it with `{command}`; {shipped}")
    near = did_you_mean(str(name), shipped_recipes())
    raise LookalikeError(f"there is no recipe {str(name)!r}{f'{near} T' if near else ': t'}{shipped[1:]}")


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LookalikeError(f"{name} is not valid TOML: {error}") from None


def _settings(overrides: Sequence[str] | Mapping[str, Any]) -> Iterator[tuple[str, list[str], Any]]:
    """For each override its text, the names of its key, and its value."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_split, overrides)
    for key, value in pairs:
        names = str(key).strip().split(".")
        if len(names) < 2 or not all(names):
            raise LookalikeError(f"--set {key}={value}: write it as SECTION.KEY=VALUE, for example training.steps=500")
        yield f"{key}={value}", names, value


def _split(override: str) -> tuple[str, Any]:
    """The key of "section.key=value", and its value as TOML, or else as bare text, so that paths need no quotes."""
    key, equals, text = override.partition("=")
    if not equals:
        raise LookalikeError(f"--set {override}: write it as SECTION.KEY=VALUE, for example training.steps=500")
    try:
        return key, tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text.strip()


def _set(values: dict[str, Any], said: str, names: list[str], value: Any) -> None:
    """Put a value under its key into nested `values`."""
    target: Any = values
    for depth, table in enumerate(names[:-1], 1):
        target = target.setdefault(table, {})
        if not isinstance(target, dict):
            parent = ".".join(names[:depth])
            raise LookalikeError(f"--set {said}: {parent} is the value {quoted(target)}, which has no keys")
    target[names[-1]] = copy.deepcopy(value)


def _sections(values: dict[str, Any]) -> dict[str, Any]:
    """The sections by name, every key and value checked by itself."""
    makers = {f.name: f.default_factory for f in fields(Recipe)}
    _known(values, list(makers), "section")
    return {name: _section(name, make, values.get(name, {})) for name, make in makers.items()}


def _section(name: str, make: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        raise LookalikeError(f"{name} is {quoted(values)}: it must be a section, written as [{name}]")
    known = {f.name: f for f in fields(make)}
    _known(values, list(known), "key", prefix=f"{name}.")
    return make(**{key: checked_value(f"{name}.{key}", value, known[key].metadata) for key, value in values.items()})


def _known(values: dict[str, Any], known: list[str], what: str, prefix: str = "") -> None:
    for key in values:
        if key not in known:
            near = did_you_mean(key, known)
            choices = f"{near} The {what}s are" if near else f": the {what}s are"
            raise LookalikeError(f"unknown {what} {prefix}{key}{choices} {', '.join(known)}")
