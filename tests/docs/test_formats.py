"""The image formats that the documentation and `embed --help` name are the same, and each of them is accepted."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, features

from lookalike.cli import cli

from ..embedder.made import decode

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WebP": "WEBP",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "PPM": "PPM",
    "AVIF": "AVIF",
}


def named() -> str:
    """The list of formats in the help of `embed`."""
    help_ = " ".join(CliRunner().invoke(cli, ["embed", "--help"]).output.split())
    found = re.search(r"Accepted images are (.*?)\. The content", help_)
    assert found is not None
    return found[1]


def test_the_page_and_the_help_name_the_same_formats():
    assert f"Accepted images are {named()}." in " ".join(PAGE.read_text().split())


@pytest.mark.parametrize("name", FORMATS)
def test_a_named_format_is_accepted(name):
    assert f"{name}," in named() or f"{name} (" in named()
    if name == "AVIF" and not features.check("avif"):
        pytest.skip("this build of Pillow has no AVIF")
    file = io.BytesIO()
    Image.fromarray(np.full((20, 24, 3), 90, np.uint8)).save(file, FORMATS[name])
    assert abs(decode(file.getvalue(), 3).mean() - 90) < 3
