"""Training from Python, by the name or file of a recipe, as `lookalike train` does it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ..recipe.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from .folder import TrainCard

PathLike = str | os.PathLike[str]


def train(
    recipe: PathLike | Recipe,
    out: PathLike,
    data: PathLike | None = None,
    *,
    set: Mapping[str, Any] | Iterable[str] = (),
    resume: bool = False,
    device: str = "auto",
    exclude: str | Sequence[str] = (),
    labels: bool = True,
    follow_links: bool = False,
    image_column: str | None = None,
    label_column: str | None = None,
    progress: Progress = silent,
) -> "TrainCard":
    """Train an encoder with a recipe and save it in a folder, as `lookalike train` does.

    Parameters
    ----------
    recipe : a TOML file, the name of a recipe that comes with lookalike, such as "photos", or a `Recipe`.
    out : the folder of the encoder, new or empty.
    data : a labelled source instead of the recipe's data.source: a folder of class folders, a table, an IDX pair.
    set : keys of the recipe to change, {"training.steps": 500} or ["training.steps=500"].
    resume : continue the unfinished training in `out`; a finished one is returned as it is.
    device : "auto", "cpu" or "gpu".
    exclude : patterns of files and folders to leave out, as in a .gitignore.
    labels : whether the names of folders are labels.
    follow_links : whether links out of the source are followed.
    image_column, label_column : the columns of a table, if they do not have the usual names.
    progress : called with (steps done, steps in all, what was measured last).

    Returns
    -------
    TrainCard : a frozen dataclass with the `path` of the model's folder, its `digest`, `dim` (the length of a vector),
        `scores` on the validation images (recall_at_1, map_at_r, ...; "untrained" has those of the pretrained network),
        `training_classes`, `history` and more.

    Raises
    ------
    LookalikeError : for an unknown recipe or key, and an invalid value; if there is no source, or it has too few
        classes; if `out` holds an encoder or other files; if the loss is not finite, or all images get the same vector.

    Examples
    --------
    >>> import lookalike
    >>> card = lookalike.train("photos", "model", data="photos/")  # doctest: +SKIP
    >>> lookalike.Collection.create("shop").embed("photos/", model=card.path)  # doctest: +SKIP
    """
    from .train import train as run

    return run(
        _loaded(recipe, set),
        os.fspath(out),
        data=None if data is None else os.fspath(data),
        resume=resume,
        progress=progress,
        device=device,
        exclude=exclude,
        labels=labels,
        follow_links=follow_links,
        image_column=image_column,
        label_column=label_column,
    )


def _loaded(recipe: PathLike | Recipe, changes: Mapping[str, Any] | Iterable[str]) -> Recipe:
    """The recipe with its changes."""
    if isinstance(changes, str):
        raise LookalikeError(f"set is the text {changes!r}: give a list of texts, or a dictionary")
    if not isinstance(changes, Mapping):
        changes = list(changes)
    if not isinstance(recipe, Recipe):
        return load_recipe(os.fspath(recipe), changes)
    if changes:
        raise LookalikeError(
            "set cannot be combined with a Recipe object: change the Recipe itself, with dataclasses.replace"
        )
    return recipe
