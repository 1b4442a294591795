"""What a kernel computes, whatever its class: dimensions, and how its operands are indexed by them.

Pure mathematics, no IR. Each class of kernel has its own description; `COMPUTATIONS` lists them. In
the IR a description is the kernel's iteration space, its indexing maps and a text such as
"contraction" or, with what else the class needs to know, "elementwise: x0 + x1".
"""

from collections.abc import Callable, Sequence
from math import isfinite, nan
from typing import Protocol

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.elementwise import Elementwise, parse_expression
from pim_opt.dialects.iteration import Access, Contraction, Dim
from pim_opt.dialects.reduction import Reduction


class Computation(Protocol):
    """The description of a kernel of some class."""

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The loop dimensions."""
        ...

    @property
    def kind(self) -> str:
        """The class of kernel: a key of COMPUTATIONS."""
        ...

    @property
    def detail(self) -> str:
        """What dims and accesses leave open, as text; empty where that is nothing."""
        ...

    @property
    def inputs(self) -> tuple[Access, ...]:
        """How each operand is indexed."""
        ...

    @property
    def result(self) -> Access:
        """How the result is indexed."""
        ...

    @property
    def stages(self) -> "tuple[Computation, ...]":
        """The loop nests that it runs one after the other, each with a schedule of its own."""
        ...

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        ...


def _contraction(dims: tuple[Dim, ...], accesses: Sequence[Access], detail: str) -> Contraction:
    if len(accesses) != 3:
        raise ValueError(f"{len(accesses)} indexing maps; a contraction has 3")
    if detail:
        raise ValueError(f"a contraction has no '{detail}'")
    return Contraction(dims, *accesses)


def _attention(dims: tuple[Dim, ...], accesses: Sequence[Access], detail: str) -> Attention:
    if len(accesses) not in (4, 5):
        raise ValueError(f"{len(accesses)} indexing maps; attention has 4, or 5 with a mask")
    word, _, number = detail.partition(" ")
    try:
        scale = float(number)
    except ValueError:
        scale = nan
    if word != "scale" or not isfinite(scale):
        raise ValueError(f"attention has '{detail}'; expected 'scale NUMBER'")
    query, key, value, *masks, result = accesses
    return Attention(dims, query, key, value, masks[0] if masks else None, result, scale)


def _elementwise(dims: tuple[Dim, ...], accesses: Sequence[Access], detail: str) -> Elementwise:
    return Elementwise(dims, tuple(accesses[:-1]), accesses[-1], parse_expression(detail))


def _reduction(dims: tuple[Dim, ...], accesses: Sequence[Access], detail: str) -> Reduction:
    if len(accesses) != 2:
        raise ValueError(f"{len(accesses)} indexing maps; a reduction has 2")
    found = Reduction(dims, accesses[1], detail)
    if accesses[0] != found.inputs[0]:
        raise ValueError("a reduction's input has all of its dimensions in order")
    return found


COMPUTATIONS: dict[str, Callable[[tuple[Dim, ...], Sequence[Access], str], Computation]] = {
    "contraction": _contraction,
    "attention": _attention,
    "elementwise": _elementwise,
    "reduction": _reduction,
}
"""Classes of kernels by name, and what makes their descriptions from dims, accesses and detail."""


def text_of(computation: Computation) -> str:
    """The class of a kernel and its detail, as `computation_of` reads it."""
    detail = computation.detail
    return f"{computation.kind}: {detail}" if detail else computation.kind


def computation_of(text: str, dims: tuple[Dim, ...], accesses: Sequence[Access]) -> Computation:
    """The description of a kernel.

    Args:
        text: its class and detail, as "elementwise: x0 + x1".
        dims: its loop dimensions.
        accesses: of its inputs, then of its result.

    Raises:
        ValueError: unknown class, or accesses or a detail that do not fit it.
    """
    kind, _, detail = text.partition(":")
    if kind not in COMPUTATIONS:
        raise ValueError(f"unknown class of kernel '{kind}'; known are {', '.join(COMPUTATIONS)}")
    return COMPUTATIONS[kind](dims, accesses, detail.strip())
