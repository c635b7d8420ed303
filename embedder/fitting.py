"""What of a recipe file still has a use under other settings, and under its own loss.

A file's settings of a loss go with that loss, its mining too: who sets another one begins from that one's defaults. A
key that the file's own loss has no use for is left out with a warning, so that a template need not be rewritten
for each loss. What is said beside the file is not touched: there a key without a use is a mistake.
"""

import warnings
from typing import Any

from ..store.errors import LookalikeWarning
from .loss_settings import MINED, SETTINGS, SOFT, taken_by


def fit(values: dict[str, Any], changes: dict[str, Any], file: str) -> None:
    """Take out of a file's `values`, known and possible ones, what has no use under `changes`; warn of what never had.

    Both are nested by section; `changes` may be anything yet.
    """
    loss, mining = values.get("loss", {}), values.get("mining", {})
    changed = changes.get("loss")
    changed = changed if isinstance(changed, dict) else {}
    own = loss.get("name", "triplet")
    if changed.get("name", own) != own:
        for key in SETTINGS:
            loss.pop(key, None)
        mining.clear()
        return
    margin = changed.get("margin", loss.get("margin"))
    if own in MINED and "margin" in changed:
        if margin != SOFT:
            loss.pop("scale", None)
        elif mining.get("name") == "semi-hard":  # which a soft margin cannot end
            mining.clear()
    _leave_out_idle(loss, mining, own, margin, file)


def _leave_out_idle(loss: dict[str, Any], mining: dict[str, Any], name: str, margin: Any, file: str) -> None:
    taken = taken_by(name, margin)
    idle = [f"loss.{key} = {loss.pop(key)!r}" for key in SETTINGS if key in loss and key not in taken]
    if name not in MINED:
        idle += [f"mining.{key} = {mining.pop(key)!r}" for key in list(mining)]
    if idle:
        loss_said = f"the loss {name}" + (" without a soft margin" if name in MINED else "")
        message = f"{file}: left out, since {loss_said} has no use for it: {', '.join(idle)}"
        warnings.warn(message, LookalikeWarning, stacklevel=4)
