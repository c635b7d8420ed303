"""Many small classes: letters drawn in every face of the DejaVu fonts (Debian: fonts-dejavu-core, fonts-dejavu-extra).

A class is a letter without an accent that all faces have and that looks unlike every letter before it; its images are
the faces, each a few times, a little turned, shifted and scaled. The same seed draws the same pixels.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/truetype/dejavu")
SIDE, DRAWN = 28, 56  # pixels of an image, and of the drawing it is made smaller from


def glyphs(classes: int = 400, times: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 (n, 28, 28, 1), labels (n,) str) of at most `classes` letters, each face `times` times."""
    fonts = [ImageFont.truetype(str(path), 36) for path in faces()]
    rng = np.random.default_rng(seed)
    letters = rng.permutation(distinct_letters(fonts))[:classes]
    drawn = [drawing(font, letter, rng) for letter in letters for font in fonts for _ in range(times)]
    return np.stack(drawn)[..., None], np.repeat(letters, len(fonts) * times)


def face_of(images: int, times: int = 6) -> np.ndarray:
    """(n,) int64: by which face each image of `glyphs` was drawn; drawings by one face are near copies."""
    return np.arange(images) // times % len(faces())


def faces() -> list[Path]:
    """The font files, but for the one that has few letters; SystemExit where there are none."""
    found = sorted(path for path in FONTS.glob("*.ttf") if "MathTeX" not in path.name)
    if len(found) < 10:
        sys.exit(f"{FONTS} has {len(found)} faces: apt-get install fonts-dejavu-core fonts-dejavu-extra")
    return found


def distinct_letters(fonts: list[ImageFont.FreeTypeFont]) -> list[str]:
    """Letters below U+2000 that every font has, each look once (Latin, Greek and Cyrillic share many)."""
    missing = [bytes(font.getmask("\uffff")) for font in fonts]
    seen: set[bytes] = set()
    kept = []
    for letter in map(chr, range(33, 0x2000)):
        if unicodedata.category(letter) not in ("Lu", "Ll", "Lo") or unicodedata.decomposition(letter):
            continue
        masks = [bytes(font.getmask(letter)) for font in fonts]
        if masks[0] not in seen and all(mask not in (b"", gap) for mask, gap in zip(masks, missing, strict=True)):
            seen.add(masks[0])
            kept.append(letter)
    return kept


def drawing(font: ImageFont.FreeTypeFont, letter: str, rng: np.random.Generator) -> np.ndarray:
    """One image, uint8 (28, 28), white on black: turned by up to 10 degrees, shifted by 7 %, scaled by 10 %."""
    canvas = Image.new("L", (DRAWN, DRAWN))
    ImageDraw.Draw(canvas).text((DRAWN / 2, DRAWN / 2), letter, font=font, fill=255, anchor="mm")
    angle, scale = np.deg2rad(rng.uniform(-10, 10)), rng.uniform(0.9, 1.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    middle = np.full(2, DRAWN / 2)
    offset = middle - turn @ (middle + rng.uniform(-0.07, 0.07, 2) * DRAWN)
    moved = canvas.transform(
        canvas.size, Image.Transform.AFFINE, (*turn[0], offset[0], *turn[1], offset[1]), Image.Resampling.BILINEAR
    )
    return np.asarray(moved.resize((SIDE, SIDE), Image.Resampling.BOX))
