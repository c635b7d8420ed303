"""What of a recipe file still has a use under other settings, and under its own loss.

A file's settings of a loss go with that loss, its mining too: who sets another one begins from that one's defaults. A
key that the file's own loss has no use for is left out with a warning, so that a template need not be rewritten
for each loss. What is said beside the file is not touched: there a key without a use is a mistake.
"""

import warnings
from typing import Any

from ..store.errors import LookalikeWarning
from .loss_settings import MINED, SOFT, is_loss, taken_by


def fit(values: dict[str, Any], changes: dict[str, Any], file: str) -> None:
    """Take out of a file's nested `values` what has no use under `changes`; warn of what never had one."""
    loss, changed = _section(values, "loss"), _section(changes, "loss")
    own = loss.get("name", "triplet")
    name = changed.get("name", own)
    if not is_loss(own) or not is_loss(name):
        return
    if name != own:
        for key in set(loss) & set(taken_by(own, SOFT)):
            del loss[key]
        if own in MINED:
            values.pop("mining", None)
    if "margin" in changed:
        _another_margin(values, loss, changed["margin"])
    if name == own:
        _warn_of_idle(values, loss, str(name), changed.get("margin", loss.get("margin")), file)


def _another_margin(values: dict[str, Any], loss: dict[str, Any], margin: Any) -> None:
    """A scale goes with a soft margin, and semi-hard mining with one of some width."""
    if margin != SOFT:
        loss.pop("scale", None)
    elif _section(values, "mining").get("name") == "semi-hard":
        del values["mining"]


def _warn_of_idle(values: dict[str, Any], loss: dict[str, Any], name: str, margin: Any, file: str) -> None:
    told = {key: loss.pop(key) for key in sorted(_SETTINGS - set(taken_by(name, margin))) if key in loss}
    idle = [f"loss.{key} = {value!r}" for key, value in told.items()]
    if name not in MINED and (mining := _section(values, "mining")):
        del values["mining"]
        idle += [f"mining.{key} = {value!r}" for key, value in mining.items()]
    if idle:
        why = "without a soft margin" if name in MINED and "scale" in told else f"of loss.name = {name!r}"
        warnings.warn(f"{file}: {', '.join(idle)} has no use in a recipe {why}", LookalikeWarning, stacklevel=4)


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name)
    return section if isinstance(section, dict) else {}


_SETTINGS = frozenset(("margin", "distance", "shots", "scale", "options"))
