"""The element types with which a kernel is offloaded, and what takes the place of its source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, bf16, f16, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from pim_opt.devices import Device
from pim_opt.passes.kernel_access import element_of

FLOATS: dict[str, AnyFloat] = {"f16": f16, "bf16": bf16}


@dataclass(frozen=True)
class KernelTypes:
    """Element types of a kernel: what its units compute on, and what its users expect."""

    unit: AnyFloat
    outside: AnyFloat
    rounding_users: tuple[linalg.GenericOp, ...] = ()
    """Users that round the wide result to `unit` first, and so can take it rounded."""


def _rounds_first(use: Operation, index: int, element: AnyFloat) -> bool:
    """Whether `use` is a generic that does nothing with this input but round it to `element`."""
    if not isinstance(use, linalg.GenericOp) or index >= len(use.inputs):
        return False
    uses = [u.operation for u in use.body.block.args[index].uses]
    return bool(uses) and all(
        isinstance(op, arith.TruncFOp) and op.result.type == element for op in uses
    )


def _never(result: SSAValue, element: AnyFloat) -> bool:
    return False


def choose_types(
    inputs: Sequence[SSAValue],
    result: SSAValue,
    device: Device,
    narrow_to: str | None,
    may_round: Callable[[SSAValue, AnyFloat], bool] = _never,
) -> KernelTypes | str:
    """The element types to offload with, or the reason why there are none.

    Args:
        inputs: what units compute on.
        result: of the source.
        device: whose units they are.
        narrow_to: element type that f32 may be rounded to.
        may_round: whether users of a wide result allow that it is rounded to the units' type.
    """
    operands = {element_of(value) for value in inputs}
    outside = element_of(result)
    names = ", ".join(sorted(str(element) for element in operands))
    unit = FLOATS.get(names)
    if unit is not None and str(unit) in device.elements:
        if outside == unit:
            return KernelTypes(unit, outside)
        uses = [(use.operation, use.index) for use in result.uses]
        if uses and all(_rounds_first(op, index, unit) for op, index in uses):
            users = tuple(dict.fromkeys(op for op, _ in uses if isinstance(op, linalg.GenericOp)))
            return KernelTypes(unit, unit, users)
        if narrow_to == str(unit) or may_round(result, unit):
            return KernelTypes(unit, outside)
        return (
            f'its {outside} result is used unrounded, and device "{device.name}" gives {unit};'
            f" narrow-to={unit} allows it"
        )
    if narrow_to is not None and operands == {f32} and narrow_to in device.elements:
        return KernelTypes(FLOATS[narrow_to], outside)
    allowed = " or ".join(device.elements)
    reason = f'its operands are {names}, and the units of device "{device.name}" take {allowed}'
    if operands == {f32} and narrow_to is None:
        reason += f"; narrow-to={device.elements[0]} allows it"
    return reason


def _take_rounded(user: linalg.GenericOp, wide: SSAValue, narrow: SSAValue) -> None:
    """Give `user` the rounded value in place of the wide one that it rounds first."""
    for index, value in enumerate(user.inputs):
        if value is not wide:
            continue
        user.operands[index] = narrow
        arg = user.body.block.args[index]
        for use in tuple(arg.uses):
            assert isinstance(use.operation, arith.TruncFOp), "as _rounds_first found"
            use.operation.result.replace_all_uses_with(arg)
            Rewriter.erase_op(use.operation)
        Rewriter.replace_value_with_new_type(arg, element_of(narrow))


def replace_by_kernel(
    result: SSAValue,
    erased: Sequence[Operation],
    types: KernelTypes,
    build: Callable[[], SSAValue],
) -> None:
    """Put what `build` builds in the place of `result`.

    Args:
        result: of the last op of the source.
        erased: the source's ops, in order.
        types: as chosen for it.
        build: builds the kernel at the implicit insertion point, and gives its outcome.
    """
    last = erased[-1]
    around = Block()
    with ImplicitBuilder(around):
        outcome = build()
    ops = list(around.ops)
    for new in ops:
        new.detach()
        new.location = last.location
    Rewriter.insert_op(ops, InsertPoint.before(last))
    if types.rounding_users:
        for user in types.rounding_users:
            _take_rounded(user, result, outcome)
    else:
        result.replace_all_uses_with(outcome)
    outcome.name_hint = result.name_hint
    for op in reversed(erased):
        Rewriter.erase_op(op)
