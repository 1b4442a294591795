"""Finds the kernels that the PIM side can run and wraps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType, bf16, f16, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from pim_opt.devices import Device
from pim_opt.dialects.compat.recognise import constant_initial_value
from pim_opt.dialects.diagnostics import emit_remark
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.passes.contraction_body import cast_elements, product_sum
from pim_opt.passes.kernel_access import MATRIX, VECTOR, device_named, element_of, shape_of
from pim_opt.passes.recognise_contraction import VectorProduct, recognise
from pim_opt.passes.recognise_sum import Sum, product_of, recognise_sum

FLOATS: dict[str, AnyFloat] = {"f16": f16, "bf16": bf16}


@dataclass(frozen=True)
class _Types:
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


def choose_types(
    operands: set[AnyFloat], result: SSAValue, device: Device, narrow_to: str | None
) -> _Types | str:
    """The element types to offload with, or the reason why there are none.

    Args:
        operands: the operands' element types.
        result: the source's result.
        device: whose units compute.
        narrow_to: the type that f32 may be rounded to, if any.
    """
    outside = element_of(result)
    names = ", ".join(sorted(str(element) for element in operands))
    unit = FLOATS.get(names)
    if unit is not None and str(unit) in device.elements:
        if outside == unit:
            return _Types(unit, outside)
        uses = [(use.operation, use.index) for use in result.uses]
        if uses and all(_rounds_first(op, index, unit) for op, index in uses):
            users = tuple(dict.fromkeys(op for op, _ in uses if isinstance(op, linalg.GenericOp)))
            return _Types(unit, unit, users)
        if narrow_to == str(unit):
            return _Types(unit, outside)
        return (
            f'its {outside} result is used unrounded, and device "{device.name}" gives {unit};'
            f" narrow-to={unit} allows it"
        )
    if narrow_to is not None and operands == {f32} and narrow_to in device.elements:
        return _Types(FLOATS[narrow_to], outside)
    allowed = " or ".join(device.elements)
    reason = f'its operands are {names}, and the units of device "{device.name}" take {allowed}'
    if operands == {f32} and narrow_to is None:
        reason += f"; narrow-to={device.elements[0]} allows it"
    return reason


def _is_argument(value: SSAValue) -> bool:
    """Whether a value is an argument of the function or a constant, reshaped at most."""
    if isinstance(value, BlockArgument):
        return isinstance(value.block.parent_op(), func.FuncOp)
    match value.owner:
        case arith.ConstantOp():
            return True
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp() | tensor.CastOp():
            return _is_argument(value.owner.operands[0])
        case _:
            return False


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


def outline(
    op: linalg.GenericOp, source: VectorProduct | Sum, types: _Types, kernel_of: "_KernelFactory"
) -> None:
    """Replace `op` by a kernel, with casts around it where its types are narrowed."""
    block = op.parent_block()
    assert block is not None, "the op stands in a function"
    result = op.results[0]
    around = Block()
    with ImplicitBuilder(around):
        result_type = TensorType(types.unit, shape_of(result))
        if isinstance(source, Sum):
            kernel = kernel_of.sum(source, result_type, element_of(result))
        else:
            inputs = [cast_elements(v, types.unit) for v in (source.vector, source.matrix)]
            resident = [MATRIX] if _is_argument(source.matrix) else []
            kernel = kernel_of.product(
                source.contraction, inputs, result_type, resident, element_of(result)
            )
        outcome = cast_elements(kernel.outputs[0], types.outside)
    ops = list(around.ops)
    for new in ops:
        new.detach()
        new.location = op.location
    Rewriter.insert_op(ops, InsertPoint.before(op))
    if types.rounding_users:
        for user in types.rounding_users:
            _take_rounded(user, result, outcome)
    else:
        result.replace_all_uses_with(outcome)
    outcome.name_hint = result.name_hint
    Rewriter.erase_op(op)


@dataclass
class _KernelFactory:
    """Makes kernels with distinct labels."""

    device: str
    origin: str
    made: int = 0

    def sum(
        self, source: Sum, result_type: TensorType[AnyFloat], accumulator: AnyFloat
    ) -> KernelOp:
        """A kernel that multiplies the data, where the host has put them, by ones."""
        element = result_type.element_type
        product = product_of(source, device_named(self.device).column_elements(str(element)))
        inputs = [product.vector, product.matrix]
        return self.product(
            product.contraction, inputs, result_type, [], accumulator, name="sum", held=[VECTOR]
        )

    def product(
        self,
        contraction: Contraction,
        inputs: Sequence[SSAValue],
        result_type: TensorType[AnyFloat],
        resident: Sequence[int],
        accumulator: AnyFloat,
        *,
        name: str = "gemv",
        held: Sequence[int] = (),
    ) -> KernelOp:
        """A kernel of two operands; the arguments are those of the op."""
        block = Block(arg_types=[value.type for value in inputs])
        with ImplicitBuilder(block):
            wide = TensorType(f32, result_type.get_shape())
            total = product_sum(contraction, block.args[0], block.args[1], wide)
            YieldOp(cast_elements(total, result_type.element_type))
        label = f"{name}{self.made}"
        self.made += 1
        return KernelOp(
            label,
            self.device,
            contraction,
            inputs,
            [result_type],
            resident,
            self.origin,
            Region(block),
            held=held,
            narrowed=element_of(inputs[MATRIX]) != result_type.element_type,
            source_accumulator=accumulator if accumulator.bitwidth < f32.bitwidth else None,
        )


@dataclass(frozen=True)
class PimOutlinePass(ModulePass):
    """Wrap every contraction and sum that the device can run in a pim.kernel.

        %y = linalg.generic .. ins(%x, %w : tensor<1x4096xf16>, tensor<64x4096xf16>) ..

    becomes

        %y = pim.kernel "gemv0" on "attacc" over <n 64 output, k 4096 reduction> ..

    1. Contractions of a matrix with up to 16 vectors are recognised by iterators, indexing maps and
       body; those that stay on the host get a remark that says why.
    2. A result that all users round first is rounded by the kernel; with narrow-to, f32 operands
       are rounded before the kernel and its result is extended after it.
    3. What rounding the source allows is noted, for checks: rounded operands, a narrow accumulator.
    4. A matrix that is an argument of the function, or a constant, is resident in PIM memory.
    5. A sum of an argument is a contraction of it, streamed, with ones that the host holds.
    """

    name = "pim-outline"

    device: str = "attacc"
    """Device to offload to: a name that `pimc devices` lists, or a file."""
    narrow_to: Literal["f16", "bf16"] | None = None
    """Element type that f32 contractions may be rounded to; without it they stay on the host."""
    inputs: Literal["dram", "host"] = "dram"
    """Where streamed operands are when a kernel starts: in DRAM, host layout, or with the host."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        device = device_named(self.device)
        factory = _KernelFactory(self.device, self.inputs)
        for generic in [o for o in op.walk() if isinstance(o, linalg.GenericOp)]:
            if isinstance(generic.parent_op(), KernelOp):
                continue
            product = recognise(generic)
            found = recognise_sum(generic) if product is None else product
            if found is None:
                continue
            types = self._types(generic, found, device)
            if isinstance(types, _Types) and not isinstance(found, str):
                outline(generic, found, types, factory)
            else:
                what = "reduction" if product is None else "contraction"
                emit_remark(generic, f"{what} stays on the host: {types}")

    def _types(
        self, op: linalg.GenericOp, found: VectorProduct | Sum | str, device: Device
    ) -> _Types | str:
        """The element types to offload `op` with, or the reason not to."""
        if isinstance(found, str):
            return found
        if device.kernels.contraction is None:
            what = "sums" if isinstance(found, Sum) else "contractions"
            return f'device "{device.name}" has no commands for {what}'
        if constant_initial_value(op.outputs[0]) != 0:
            return "it adds to a value that is not zero"
        if not isinstance(found, Sum):
            operands = {element_of(found.vector), element_of(found.matrix)}
            return choose_types(operands, op.results[0], device, self.narrow_to)
        if not _is_argument(found.data):
            return "its operand is with the host, which has computed it"
        return choose_types({element_of(found.data)}, op.results[0], device, None)
