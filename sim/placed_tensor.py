"""Tensors as they lie in a device: a placement and the storage that it points into.

Storage is a dense array with one axis per target of the placement. Both ways go through one
strided view with an axis per digit, so what is stored wrongly comes back wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pim_opt.dialects.placement import Piece, Placement, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class PlacedTensor:
    """A tensor of `shape` that lies by `placement`; `storage` has an axis per target."""

    placement: Placement
    shape: tuple[int, ...]
    storage: Array

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that the axes of `storage` stand for."""
        return self.placement.targets

    def read(self) -> Array:
        """The tensor, gathered from its first copies."""
        pieces = [piece for axis in self.placement.axes for piece in axis]
        view = _digit_view(self.storage, self.placement, pieces)
        padded = view.reshape(self.placement.padded_shape())
        sizes = (prod(self.shape),) if self.placement.flat else self.shape
        return padded[tuple(slice(size) for size in sizes)].reshape(self.shape)


def store(array: Array, placement: Placement) -> PlacedTensor:
    """Place `array`, padding it with zeros to the points that the placement covers.

    Args:
        array: of a shape that the placement holds.
        placement: where to; places of no point hold zero as well.
    """
    storage = np.zeros([placement.extent(target) for target in placement.targets], array.dtype)
    flat = array.reshape(-1) if placement.flat else array
    padded = np.zeros(placement.padded_shape(), array.dtype)
    padded[tuple(slice(size) for size in flat.shape)] = flat
    pieces = [piece for axis in placement.axes for piece in axis]
    view = _digit_view(storage, placement, [*placement.copies, *pieces])
    view[...] = padded.reshape([piece.size for piece in pieces])
    return PlacedTensor(placement, array.shape, storage)


def empty(shape: tuple[int, ...], placement: Placement, dtype: np.dtype[Any]) -> PlacedTensor:
    """A tensor of zeros at `placement`, to be filled through its storage."""
    return store(np.zeros(shape, dtype), placement)


def _digit_view(storage: Array, placement: Placement, pieces: Sequence[Piece]) -> Array:
    """A view of `storage` with one axis per piece, in the order given."""
    stride = dict(zip(placement.targets, storage.strides, strict=True))
    return as_strided(
        storage,
        [piece.size for piece in pieces],
        [piece.stride * stride[piece.target] for piece in pieces],
    )
