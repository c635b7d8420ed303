"""Draw what the demo's collection answers: known and unknown queries, their nearest images, and the decision.

python benchmarks/draw_demo.py lookalike-demo docs/pictures/demo.png
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lookalike import Collection

TILE, GAP, HITS, TEXT = 72, 8, 8, 190


def tile(path: Path) -> Image.Image:
    """A picture at the size of a tile, its pixels kept square."""
    return Image.open(path).convert("L").resize((TILE, TILE), Image.Resampling.NEAREST)


def draw(root: Path, queries: list[Path]) -> Image.Image:
    """One line a query: the picture, what it is taken for, its nearest stored images with their distances."""
    font = ImageFont.load_default(15)
    height = len(queries) * (TILE + 3 * GAP + 12) + GAP
    sheet = Image.new("RGB", (TILE + TEXT + HITS * (TILE + GAP) + 3 * GAP, height), "white")
    pen = ImageDraw.Draw(sheet)
    with Collection.open(root / "collection") as collection:
        found, made = collection.search(queries, k=HITS), collection.classify(queries).records()
    for line, (query, hits, decision) in enumerate(zip(queries, found, made, strict=True)):
        top = GAP + line * (TILE + 3 * GAP + 12)
        sheet.paste(tile(query), (GAP, top))
        label, colour = (decision["label"], "#1b7837") if decision["label"] else ("unknown", "#b2182b")
        pen.text((TILE + 2 * GAP, top + 8), f"is {label}", colour, font=ImageFont.load_default(20))
        near = f"nearest {decision['nearest']} at {decision['distance']:.2f}\nthreshold {decision['threshold']:.2f}"
        pen.text((TILE + 2 * GAP, top + 34), near, "black", font=font)
        for place, (key, _, _, distance) in enumerate(hits):
            left = TILE + TEXT + 2 * GAP + place * (TILE + GAP)
            sheet.paste(tile(root / "images" / "train" / key), (left, top))
            pen.text((left + 2, top + TILE + 1), f"{distance:.2f}", "#555555", font=font)
    return sheet


def main() -> None:
    """Take the first picture of three known classes and of both unknown ones."""
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    known = sorted((root / "images" / "known").iterdir())
    unknown = sorted((root / "images" / "unknown").iterdir())
    draw(root, [sorted(folder.iterdir())[1] for folder in (*known[2:5], *unknown)]).save(out, optimize=True)


if __name__ == "__main__":
    main()
