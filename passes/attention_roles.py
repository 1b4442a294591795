"""Says which loops of matched attention are heads, groups, positions and sizes."""

from collections.abc import Mapping, Sequence
from math import prod

from xdsl.dialects.builtin import DYNAMIC_INDEX

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access, AttentionRole, name_dims
from pim_opt.dialects.loop_digits import Digits, LoopSpace, joined
from pim_opt.passes.attention_parts import NotTakenError
from pim_opt.passes.element_walk import Element, shape_of

_OPERANDS = {
    AttentionRole.HEAD: {"query", "key", "value", "result"},
    AttentionRole.GROUP: {"query", "result"},
    AttentionRole.LENGTH: {"key", "value"},
    AttentionRole.KEY: {"query", "key"},
    AttentionRole.VALUE: {"value", "result"},
}
"""The operands that have the loops of a role; a mask may have some too."""

_NEEDED = (AttentionRole.LENGTH, AttentionRole.KEY, AttentionRole.VALUE)


def describe(space: LoopSpace, elements: Mapping[str, Element]) -> Attention:
    """The mathematics of attention on operands that are read at these elements.

    Args:
        space: of the loops.
        elements: query, key, value, result and perhaps mask.

    Raises:
        NotTakenError: a shape is dynamic or empty, or a loop fits none of the roles.
    """
    for name, element in elements.items():
        _check_shape(name, element)
    indices = {
        name: [space.resolved(digits) for digits in element.index]
        for name, element in elements.items()
    }
    chains = joined(indices.values())
    number = {loop: i for i, chain in enumerate(chains) for loop in chain}
    axes = {
        name: [tuple(dict.fromkeys(number[loop] for loop in digits)) for digits in index]
        for name, index in indices.items()
    }
    sizes = [prod(space.size(loop) for loop in chain) for chain in chains]
    return _attention(axes, sizes)


def _check_shape(name: str, element: Element) -> None:
    shape = shape_of(element.tensor)
    if DYNAMIC_INDEX in shape:
        raise NotTakenError(f"its {name} has a dynamic shape, {element.tensor.type}")
    if 0 in shape:
        raise NotTakenError(f"its {name} is empty, {element.tensor.type}")


def _attention(axes: Mapping[str, Sequence[Digits]], sizes: Sequence[int]) -> Attention:
    """Attention with loops of these sizes, which index the operands' axes."""
    roles = [_role(loop, size, axes) for loop, size in enumerate(sizes)]
    dims: list[tuple[AttentionRole, int | None]] = []
    for role in AttentionRole:
        loops = [loop for loop in range(len(sizes)) if roles[loop] is role]
        # Loops of one iteration are no loops; but there are positions and sizes in any case.
        dims += [(role, loop) for loop in loops or ([None] if role in _NEEDED else [])]
    accesses = {name: _access(name, index, dims) for name, index in axes.items()}
    try:
        return Attention(
            name_dims((1 if loop is None else sizes[loop], role) for role, loop in dims),
            accesses["query"],
            accesses["key"],
            accesses["value"],
            accesses.get("mask"),
            accesses["result"],
        )
    except ValueError as error:
        raise NotTakenError(f"its {error}") from error


def _role(loop: int, size: int, axes: Mapping[str, Sequence[Digits]]) -> AttentionRole:
    """The role of the loops that the same operands have.

    Raises:
        NotTakenError: there is none.
    """
    having = {name for name, index in axes.items() if any(loop in digits for digits in index)} - {
        "mask"
    }
    for role, names in _OPERANDS.items():
        if having == names:
            return role
    where = " and ".join(name for name in axes if name in having) or "mask"
    raise NotTakenError(f"a loop of {size} iterations is in its {where} alone")


def _access(
    name: str, index: Sequence[Digits], dims: Sequence[tuple[AttentionRole, int | None]]
) -> Access:
    """Per axis its dimension; those of one iteration take a free axis, or a new one at the end."""
    number = {loop: i for i, (_, loop) in enumerate(dims) if loop is not None}
    axes = [
        None if loop is None else number[loop] for digits in index for loop in (digits or (None,))
    ]
    for i, (role, loop) in enumerate(dims):
        if loop is not None or name not in _OPERANDS[role]:
            continue
        free = [axis for axis, dim in enumerate(axes) if dim is None]
        if free:
            axes[free[-1]] = i
        else:
            axes.append(i)
    return Access(tuple(axes))
