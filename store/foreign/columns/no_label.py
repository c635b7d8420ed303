"""What other programs write where there is no label. It stays a class, since it may be one, but there is a warning."""

from collections.abc import Sequence

from ...shown import shown

NO_LABEL = frozenset({"nan", "NaN", "NaT", "<NA>", "None", "NULL", "null", "N/A", "n/a", "#N/A", "-1", "-1.0", "-100"})
"""As pandas, SQL, spreadsheets and PyTorch have it; "none" in lower case and the like may be real class names."""
_FEW = 3


def no_label_words(labels: Sequence[str]) -> str:
    """The warning about labels that are all in NO_LABEL."""
    return f"{taken_words(labels)} like any other: leave the label empty where an image has none"


def taken_words(labels: Sequence[str]) -> str:
    """A statement that these labels are treated as classes."""
    if len(labels) == 1:
        return f"label {shown(labels[0])!r} is treated as a class"
    more = f" and {len(labels) - _FEW} more" if len(labels) > _FEW else ""
    return f"labels {', '.join(repr(shown(label)) for label in labels[:_FEW])}{more} are treated as classes"
