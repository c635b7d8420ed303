"""HEIC through the package pillow-heif (the extra `heif`), without registering it: Pillow stays as the user has it.

libheif turns the picture upright itself, as the container says, and pillow-heif then drops the orientation.
"""

import io
from typing import Any

from ..rejected import Rejected


def opened(data: bytes) -> Any:
    """Open a HEIC, not decoded yet, as a Pillow image; Rejected without the package."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise Rejected("decode", "HEIC needs a package: pip install 'lookalike[heif]'") from error
    return HeifImageFile(io.BytesIO(data))
