"""Times of a language model's layers on a GPU, by the published formulas.

Products are tiled twice: a tile of a processor's own memory says how many blocks there are, and one
of the shared cache how often operands are read. Attention has a block for each head and request,
whatever its tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from pim_opt.cost.host_baseline import ELEMENT_BYTES, used_share
from pim_opt.devices import Host
from pim_opt.devices.host import Measured

TILES = (8, 16, 32, 64, 128, 192, 256, 320, 384, 448, 512)
"""Sides of a processor's tiles."""

STEP = 32
"""Summands of a tile that are in memory at once."""


@dataclass(frozen=True)
class Product:
    """`count` products of an m x k matrix by a k x n matrix."""

    m: int
    n: float
    k: float
    count: int = 1

    @property
    def flops(self) -> float:
        return 2 * self.m * self.n * self.k * self.count

    def elements(self, rows: float, columns: float) -> float:
        """Elements that one product moves with tiles of so many rows and columns."""
        first = ceil(self.n / columns) * self.m * self.k
        second = ceil(self.m / rows) * self.n * self.k
        return first + second + self.m * self.n


def _tile_bytes(rows: float, columns: float, depth: float) -> float:
    """Bytes of a tile of the result, and of both operands over so many summands."""
    return ELEMENT_BYTES * ((rows + columns) * depth + rows * columns)


@lru_cache(maxsize=1 << 14)
def _processor_tile(host: Host, product: Product) -> tuple[float, float]:
    """Rows and columns of the tile of a processor: the first of those that cost least."""
    room = host.l1_kib * 1024
    best, found = float("inf"), (1.0, 1.0)
    for rows in (min(side, product.m) for side in TILES):
        for columns in (min(side, product.n) for side in TILES):
            if _tile_bytes(rows, columns, STEP) > room:
                continue
            share = used_share(host, _blocks(product, rows, columns))
            cost = product.elements(rows, columns) / share**2
            if cost < best:
                best, found = cost, (rows, columns)
    return found


def _blocks(product: Product, rows: float, columns: float) -> int:
    return ceil(product.m / rows) * ceil(product.n / columns) * product.count


def _multiples(side: float, whole: float) -> Iterator[float]:
    """The multiples of a tile's side, and the whole."""
    yield from (side * i for i in range(1, int(whole // side) + 1))
    yield whole


def _moved_elements(host: Host, product: Product) -> float:
    """Elements that one product moves between memory and the cache, with the best tile of that.

    Tiles are of whole tiles of a processor, or the whole product.
    """
    room, depth = host.l2_mib * 1024**2, product.k / (2 * STEP)
    if _tile_bytes(product.m, product.n, depth) <= room:
        return product.elements(product.m, product.n)
    tile = _processor_tile(host, product)
    least = product.elements(*tile)
    for rows in _multiples(tile[0], product.m):
        for columns in _multiples(tile[1], product.n):
            if _tile_bytes(rows, columns, depth) <= room:
                least = min(least, product.elements(rows, columns))
    return least


def _seconds(host: Host, elements: float, flops: float, share: float) -> float:
    transfers = elements * ELEMENT_BYTES / (host.bytes_per_second * share)
    return max(transfers, flops / (host.flops_per_second * share))


def product_seconds(host: Host, product: Product) -> float:
    """A layer of weights: blocks for all of its tiles."""
    blocks = _blocks(product, *_processor_tile(host, product))
    elements = product.count * _moved_elements(host, product)
    return _seconds(host, elements, product.flops, used_share(host, blocks))


def attention_product_seconds(host: Host, product: Product) -> float:
    """A product of attention: a block for each."""
    elements = product.count * _moved_elements(host, product)
    return _seconds(host, elements, product.flops, used_share(host, product.count))


def softmax_seconds(host: Host, rows: int, length: int, count: int) -> float:
    """`count` softmaxes of so many rows each: read and written once."""
    elements = rows * length * count
    return _seconds(host, 2 * elements, 5 * elements, used_share(host, count))


def fitted_seconds(host: Host, line: Measured, moved: float, flops: float) -> float:
    """A layer whose time is a line through measurements, or its arithmetic on one processor.

    Args:
        host: the GPU.
        line: its line for such layers.
        moved: bytes.
        flops: operations.
    """
    measured = (line.base_us + line.us_per_byte * line.gb_s / host.gb_s * moved) * 1e-6
    return max(measured, flops * host.processors / host.flops_per_second)
