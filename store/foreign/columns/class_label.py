"""Hugging Face's ClassLabel: labels stored as codes, with their names in the schema's metadata."""

import json
from dataclasses import dataclass
from typing import Any

from ...errors import LookalikeError


@dataclass(frozen=True)
class ClassLabel:
    """Labels stored as codes from 0.

    count: the number of classes. names: their names by code; None means that the code is the name.
    """

    count: int
    names: list[str] | None = None

    def name(self, code: Any, where: str) -> Any:
        """The class of a code; None below zero, which means no label.

        Raises LookalikeError for a code that has no name.
        """
        if code is None or code != code or code < 0:
            return None
        if code >= self.count or code != int(code):
            raise LookalikeError(
                f"{where}: label code {code} has no class, since the schema names {self.count} classes, from code 0: "
                "correct the label, or the names in the schema's ClassLabel"
            )
        return str(int(code)) if self.names is None else self.names[int(code)]


def class_label(metadata: dict[bytes, bytes], column: str) -> ClassLabel | None:
    """The ClassLabel that the schema's metadata declares for a column; None if it declares none."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][column]
        if feature.get("_type", "ClassLabel") != "ClassLabel":
            return None
        names = feature.get("names")
        if names is None:
            return ClassLabel(int(feature["num_classes"]))
        return ClassLabel(len(names), [str(name) for name in names])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return None
