"""The model that a sync is given: what must be known of it before any work, without torch.

Loading torch takes longer than a small job, and where workers do the work, only they have to.
"""

import os
from pathlib import Path

from ..recipe.recipe import Recipe
from . import files as encoder_file
from . import sealed


class Offered:
    """A model's folder, or "pretrained", that a collection is to be filled with; its files are read and parsed.

    Attributes: name (as it was given), files (content by name), digest, dim. LookalikeError for a missing, damaged or
    foreign file. Whether weights and recipe fit is found out where they are loaded.
    """

    def __init__(self, model: str | os.PathLike[str]) -> None:
        self.name = os.fspath(model)
        self.files = _files(self.name)
        card = encoder_file.read_card(self.files[encoder_file.CARD], Path(self.name, encoder_file.CARD))
        self.digest = encoder_file.digest(self.files)
        self.dim = Recipe.from_dict(card["recipe"]).model.dim


def _files(name: str) -> dict[str, bytes]:
    if name == "pretrained":  # made of another package's weights, which takes torch
        from .load import load_encoder

        return load_encoder(name, device="cpu").files()
    files = encoder_file.read_folder(Path(name))
    encoder_file.read_card(files[encoder_file.CARD], Path(name, encoder_file.CARD))  # says which version wrote it
    sealed.check(files[encoder_file.WEIGHTS], Path(name, encoder_file.WEIGHTS))
    return files
