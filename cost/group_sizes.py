"""What the groups of a device have of a kernel's dimensions."""

from collections import Counter
from itertools import product

from pim_opt.cost.mapping import Mapping


def sizes_by_group(mapping: Mapping) -> Counter[tuple[int, ...]]:
    """What each group has of every dimension, counted from its own first index; no empty groups."""
    found: Counter[tuple[int, ...]] = Counter()
    digits = [d for d in mapping.digits if d.piece.target == mapping.group_target]
    strides = [
        mapping.schedule.split(mapping.kernel.dims[d.dim].name).stride(d.position) for d in digits
    ]
    for values in product(*(range(d.piece.size) for d in digits)):
        left = [dim.size for dim in mapping.kernel.dims]
        for value, d, stride in zip(values, digits, strides, strict=True):
            left[d.dim] -= value * stride
        if min(left) > 0:
            found[tuple(left)] += 1
    return found
