"""Our arrays in .npy files, memory-mapped; the size that a file states is compared with the file itself."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Damaged, one_line


def map_npy(path: Path, dtype: Any, what: str) -> NDArray[Any]:
    """The array (n,) of type `dtype` in `path`, read-only. Raises Damaged, which calls it `what`, for another file."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy hands the header to Python's own parser, which raises almost anything
        raise Damaged(f"{path} is not {what}: {one_line(error)[:200]}") from None
    if not isinstance(values, np.ndarray) or values.dtype != dtype or values.ndim != 1:
        kind = f"{values.dtype}{values.shape}" if isinstance(values, np.ndarray) else "an archive"
        raise Damaged(f"{path} is not {what}: it holds {kind}")
    return values
