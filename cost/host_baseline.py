"""Times of kernels on a GPU: by the published formula, and by a roofline.

The published formula (paper): every operator is a kernel of its own, a block for every head and
request; the GPU's rate is that of the share of processors that have a block, whole waves of blocks
one after the other; an operator takes the longer of its transfers and its arithmetic. Attention
writes scores and weights to memory, a sum reads a second operand, RELU moves three tensors. Kernels
cost nothing to start.

The roofline moves the bytes that the kernel has to move, once, at the GPU's rate: attention is
fused, its keys split over all processors. It does not charge a start either, so that ratios to PIM
kernels, which do not, compare the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from pim_opt.devices import Host

ELEMENT_BYTES = 2
"""Of f16."""

STACKS = 5
"""Stacks that the published evaluation counts beside one GPU: each has as much work as the one that
is simulated."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """A kernel launch of equal blocks, each of which needs a processor of its own."""

    blocks: float
    block_bytes: float
    block_flops: float

    def seconds(self, host: Host) -> float:
        """By the published formula."""
        used = used_share(host, self.blocks)
        transfers = self.blocks * self.block_bytes / (host.bytes_per_second * used)
        arithmetic = self.blocks * self.block_flops / (host.flops_per_second * used)
        return max(transfers, arithmetic)


@dataclass(frozen=True)
class Work:
    """What a kernel has to do at least."""

    elements: int
    """That move between memory and processors."""
    flops: int

    def times(self, number: int) -> "Work":
        """The work of so many kernels."""
        return Work(self.elements * number, self.flops * number)

    def seconds(self, host: Host) -> float:
        """By the roofline."""
        transfers = self.elements * ELEMENT_BYTES / host.bytes_per_second
        return max(transfers, self.flops / host.flops_per_second)


def used_share(host: Host, blocks: float) -> float:
    """Mean share of the processors that have a block, while so many blocks run in whole waves."""
    return blocks / (host.processors * ceil(blocks / host.processors))


def _gemv(batch: int, heads: int, k: int, n: int) -> list[Operator]:
    return [_product(batch * heads, k, n)]


def _product(blocks: int, k: int, n: int) -> Operator:
    """A matrix times a vector in each block."""
    return Operator(blocks, ELEMENT_BYTES * (k * n + k + n), 2 * k * n)


def _attention(batch: int, heads: int, headsize: int, length: int) -> list[Operator]:
    blocks = batch * heads
    softmax = Operator(blocks, 2 * ELEMENT_BYTES * length, 5 * length)
    return [_product(blocks, headsize, length), softmax, _product(blocks, length, headsize)]


def _red(batch: int, length: int) -> list[Operator]:
    return [Operator(batch, ELEMENT_BYTES * (2 * length + 1), length)]


def _pointwise(batch: int, length: int) -> list[Operator]:
    return [Operator(batch, ELEMENT_BYTES * 3 * length, length)]


_PUBLISHED: dict[str, Callable[..., list[Operator]]] = {
    "gemv": _gemv,
    "attention": _attention,
    "red": _red,
    "va": _pointwise,
    "relu": _pointwise,
}


def paper_seconds(host: Host, kind: str, shape: Shape, stacks: int = STACKS) -> float:
    """The published formula for as many kernels as there are stacks, run as one.

    Args:
        host: the GPU.
        kind: of kernels, one of the published evaluation's.
        shape: (batch, heads, k, n) of "gemv", (batch, heads, headsize, length) of "attention",
            (batch, length) of the others.
        stacks: each with a kernel of this shape.

    Raises:
        KeyError: another kind.
    """
    one = _PUBLISHED[kind](*shape)
    return sum(
        Operator(op.blocks * stacks, op.block_bytes, op.block_flops).seconds(host) for op in one
    )


def _gemv_work(batch: int, heads: int, k: int, n: int) -> Work:
    return Work(batch * heads * (k * n + k + n), 2 * batch * heads * k * n)


def _attention_work(batch: int, heads: int, headsize: int, length: int) -> Work:
    rows, flops = batch * heads, length * (4 * headsize + 5)
    return Work(rows * 2 * headsize * (length + 1), rows * flops)


def _red_work(batch: int, length: int) -> Work:
    return Work(batch * (length + 1), batch * length)


def _va_work(batch: int, length: int) -> Work:
    return Work(3 * batch * length, batch * length)


def _relu_work(batch: int, length: int) -> Work:
    return Work(2 * batch * length, batch * length)


_WORK: dict[str, Callable[..., Work]] = {
    "gemv": _gemv_work,
    "attention": _attention_work,
    "red": _red_work,
    "va": _va_work,
    "relu": _relu_work,
}


def work_of(kind: str, shape: Shape, stacks: int = STACKS) -> Work:
    """What kernels of this shape have to do, one for each stack; arguments as `paper_seconds`.

    Raises:
        KeyError: another kind.
    """
    return _WORK[kind](*shape).times(stacks)


def roofline_seconds(host: Host, kind: str, shape: Shape, stacks: int = STACKS) -> float:
    """The roofline; arguments as `paper_seconds`.

    Raises:
        KeyError: another kind.
    """
    return work_of(kind, shape, stacks).seconds(host)
