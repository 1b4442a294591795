"""NumPy types of the element types that devices compute on."""

from typing import Any, cast

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

_DTYPES: dict[str, np.dtype[Any]] = {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i8": np.dtype(np.int8),
}


def dtype_of(element: str) -> np.dtype[Any]:
    """The NumPy type of element type `element` (MLIR's name).

    Raises:
        KeyError: no such type.
    """
    return _DTYPES[element]


def unit_roundoff(element: str) -> float:
    """Largest relative error of one rounding to float type `element`: half its epsilon."""
    info = cast(Any, ml_dtypes.finfo(dtype_of(element)))
    return float(info.eps) / 2


def rounded(values: NDArray[np.float32], element: str) -> NDArray[np.float32]:
    """`values` rounded to `element`, to nearest even, as f32."""
    if element == "f32":
        return values
    return values.astype(dtype_of(element)).astype(np.float32)
