"""Ops of the `pim` dialect at command level: looped command programs.

A program is a short tree of loops, never one op per command. Every core of a group acts in
lockstep on the group's commands; groups run the same sections side by side (`pim.spmd`), each with
its own number. Row, column and buffer addresses are affine in the loop counters.
"""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import (
    AffineMapAttr,
    DenseArrayBase,
    FloatAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    StringAttr,
    TensorType,
    f64,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import (
    HasAncestor,
    IsolatedFromAbove,
    MemoryReadEffect,
    MemoryWriteEffect,
    NoTerminator,
)
from xdsl.utils.exceptions import VerifyException

from pim_opt.dialects.layout import layout_of
from pim_opt.dialects.pim.kernel_ops import YieldOp
from pim_opt.dialects.pim.partial_sums import axes_over, over_axes, verify_combines


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A command program: how a device computes its results from its inputs, command by command.

    The layouts of the operand types say where the inputs lie when the program starts, those of the
    result types where the results lie when it ends.

        %y = pim.program ins(%x, %w : tensor<..>, tensor<..>) {
        ^bb0(%xa: tensor<..>, %wa: tensor<..>):
          ...
          pim.yield %r : tensor<..>
        } : tensor<..>

    A program with a `length` has it as its last argument: a value of its conditions and operands.
    """

    name = "pim.program"

    inputs = var_operand_def(TensorType)
    length = opt_operand_def(IndexType())
    outputs = var_result_def(TensorType)

    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "`ins` `(` $inputs `:` type($inputs) `)` (`length` $length^)? $body attr-dict"
        " `:` type($outputs)"
    )

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        output_types: Sequence[Attribute],
        body: Region,
        length: SSAValue | None = None,
    ) -> None:
        super().__init__(operands=[inputs, length], result_types=[output_types], regions=[body])

    @property
    def length_argument(self) -> SSAValue | None:
        """The length inside of the region, if the program has one."""
        return None if self.length is None else self.body.block.args[len(self.inputs)]

    def verify_(self) -> None:
        if [arg.type for arg in self.body.block.args] != [value.type for value in self.operands]:
            raise VerifyException("region arguments and inputs differ in type")
        last = self.body.block.last_op
        if not isinstance(last, YieldOp) or list(last.arguments.types) != list(self.outputs.types):
            raise VerifyException("region must end in a pim.yield of the results' types")


@irdl_op_definition
class StagingOp(IRDLOperation):
    """Host memory through which data pass on their way to or from the device.

    Nothing is in it yet, or one number everywhere.

        %s = pim.staging : memref<1x64xf16>
        %o = pim.staging of 1.000000e+00 : f64 : memref<16xf16>
    """

    name = "pim.staging"

    buffer = result_def(MemRefType)

    number = opt_prop_def(FloatAttr)

    traits = traits_def(MemoryWriteEffect())

    assembly_format = "(`of` $number^)? attr-dict `:` type($buffer)"

    def __init__(self, type_: Attribute, number: float | None = None) -> None:
        super().__init__(
            result_types=[type_],
            properties={"number": None if number is None else FloatAttr(number, f64)},
        )


@irdl_op_definition
class HoldOp(IRDLOperation):
    """Host memory that holds a tensor already: one in the host's hands when the program starts.

    %s = pim.hold %x : tensor<1x64xf16, #layout.host> -> memref<1x64xf16>
    """

    name = "pim.hold"

    source = operand_def(TensorType)
    buffer = result_def(MemRefType)

    traits = traits_def(MemoryReadEffect())

    assembly_format = "$source attr-dict `:` type($source) `->` type($buffer)"

    def __init__(self, source: SSAValue, type_: Attribute) -> None:
        super().__init__(operands=[source], result_types=[type_])

    def verify_(self) -> None:
        source = cast(TensorType[Attribute], self.source.type)
        if not lies_with_host(self.source):
            raise VerifyException(f"source {source} is not in the host's hands (#layout.host)")
        expected = MemRefType(source.element_type, source.get_shape())
        if self.buffer.type != expected:
            raise VerifyException(f"holds {source} in {self.buffer.type}, expected {expected}")


@irdl_op_definition
class CollectOp(IRDLOperation):
    """The tensor that lies at its type's placement when the program ends, or in host memory.

    %y = pim.collect : tensor<1x64xf16, #layout.placement<..>>
    %y = pim.collect from %s of memref<1x64xf16> : tensor<1x64xf16, #layout.host>
    """

    name = "pim.collect"

    memory = opt_operand_def(MemRefType)
    result = result_def(TensorType)

    traits = traits_def(MemoryReadEffect())

    assembly_format = "(`from` $memory^ `of` type($memory))? attr-dict `:` type($result)"

    def __init__(self, type_: Attribute, memory: SSAValue | None = None) -> None:
        super().__init__(operands=[memory], result_types=[type_])

    def verify_(self) -> None:
        result = self.result.type
        expected = "layout.placement" if self.memory is None else "layout.host"
        if getattr(result.encoding, "name", "") != expected:
            what = "no placement to lie at" if self.memory is None else "a layout other than host"
            raise VerifyException(f"result {result} has {what}")
        if self.memory is None:
            return
        wanted = MemRefType(result.element_type, result.get_shape())
        if self.memory.type != wanted:
            raise VerifyException(f"collects {result} from {self.memory.type}, expected {wanted}")


class _CountedRegion(IRDLOperation):
    """Shared by ops that run a region for each value of a counter."""

    count = prop_def(IntegerAttr.constr(i64))
    body = region_def("single_block")

    traits = traits_def(NoTerminator(), MemoryWriteEffect())

    assembly_format = "$count $body attr-dict"

    def __init__(self, count: int, body: Region) -> None:
        super().__init__(properties={"count": IntegerAttr(count, i64)}, regions=[body])

    @property
    def trip_count(self) -> int:
        return self.count.value.data

    @property
    def counter(self) -> SSAValue:
        return self.body.block.args[0]

    def verify_(self) -> None:
        if self.trip_count < 1:
            raise VerifyException(f"count {self.trip_count}; expected at least 1")
        if [arg.type for arg in self.body.block.args] != [IndexType()]:
            raise VerifyException("region must take one index, the counter")


@irdl_op_definition
class SpmdOp(_CountedRegion):
    """Runs its body on groups 0 to count - 1 at once; the counter is the group's number.

    pim.spmd 16 {
    ^bb0(%ch: index):
      ...
    }
    """

    name = "pim.spmd"


@irdl_op_definition
class RepeatOp(_CountedRegion):
    """Runs its body count times, one after the other.

    pim.repeat 8 {
    ^bb0(%i: index):
      ...
    }
    """

    name = "pim.repeat"


@irdl_op_definition
class WhenOp(IRDLOperation):
    """Runs its body where every result of the condition is at least 0: the bounds of padded loops.

    pim.when affine_map<(d0, d1) -> (39 - d0 * 3 - d1)> (%ch, %i) {
      ...
    }
    """

    name = "pim.when"

    condition = prop_def(AffineMapAttr)
    counters = var_operand_def(IndexType())
    body = region_def("single_block")

    traits = traits_def(NoTerminator(), MemoryWriteEffect())

    assembly_format = "$condition `(` $counters `)` $body attr-dict"

    def __init__(self, condition: AffineMap, counters: Sequence[SSAValue], body: Region) -> None:
        super().__init__(
            operands=[counters], properties={"condition": AffineMapAttr(condition)}, regions=[body]
        )

    def verify_(self) -> None:
        _verify_dims("condition", self.condition.data, len(self.counters))


def _verify_dims(role: str, map_: AffineMap, counters: int, extra: int = 0) -> None:
    if map_.num_dims != counters + extra or map_.num_symbols:
        raise VerifyException(
            f"{role} takes {map_.num_dims} dimensions and {map_.num_symbols} symbols, expected"
            f" {counters + extra} and 0"
        )


@irdl_op_definition
class IssueOp(IRDLOperation):
    """Issues one device command per iteration and group.

    `at` gives the core levels of the address in the device's order, then row and column; a level
    that the command spans is 0. `using` gives the command's index operands (buffer slots,
    accumulators). `moves` names the host memory that the command's column of data comes from or
    goes to: its element map takes the counters and a lane and gives an index of that memory; lanes
    from `lanes` on, and indices outside of the memory, are padding, which reads as zero and is
    never written.

        pim.issue "MACAB" (%ch, %n, %k)
            at affine_map<(d0, d1, d2) -> (0, 0, 0, 0, d1, d2)>
            using affine_map<(d0, d1, d2) -> (d2, 0)>
    """

    name = "pim.issue"

    command = prop_def(StringAttr)
    counters = var_operand_def(IndexType())
    address = prop_def(AffineMapAttr)
    operand_map = opt_prop_def(AffineMapAttr)
    staging = opt_operand_def(MemRefType)
    element_map = opt_prop_def(AffineMapAttr)
    lanes = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasAncestor(SpmdOp), MemoryReadEffect(), MemoryWriteEffect())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$command `(` $counters `)` `at` $address (`using` $operand_map^)?"
        " (`moves` $staging^ `:` type($staging) `by` $element_map `lanes` $lanes)? attr-dict"
    )

    def __init__(
        self,
        command: str,
        counters: Sequence[SSAValue],
        address: AffineMap,
        operand_map: AffineMap | None = None,
        staging: SSAValue | None = None,
        element_map: AffineMap | None = None,
        lanes: int | None = None,
    ) -> None:
        super().__init__(
            operands=[counters, staging],
            properties={
                "command": StringAttr(command),
                "address": AffineMapAttr(address),
                "operand_map": None if operand_map is None else AffineMapAttr(operand_map),
                "element_map": None if element_map is None else AffineMapAttr(element_map),
                "lanes": None if lanes is None else IntegerAttr(lanes, i64),
            },
        )

    def verify_(self) -> None:
        _verify_dims("address", self.address.data, len(self.counters))
        if self.operand_map is not None:
            _verify_dims("using", self.operand_map.data, len(self.counters))
        if self.staging is None:
            if self.element_map is not None or self.lanes is not None:
                raise VerifyException("has an element map or lanes, but moves no data")
            return
        if self.element_map is None or self.lanes is None:
            raise VerifyException("moves data, but by no element map or without lanes")
        _verify_dims("moves", self.element_map.data, len(self.counters), extra=1)
        rank = len(cast(MemRefType[Attribute], self.staging.type).get_shape())
        if len(self.element_map.data.results) != rank:
            raise VerifyException(
                f"element map gives {len(self.element_map.data.results)} indices of a memory of"
                f" rank {rank}"
            )


@irdl_op_definition
class BarrierOp(IRDLOperation):
    """No later command of any group issues before all earlier ones of all groups have.

    pim.barrier
    """

    name = "pim.barrier"

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__()


@irdl_op_definition
class HostCombineOp(IRDLOperation):
    """The host adds partial sums along some axes in f32 and rounds to the element type.

    pim.host_combine %p into %y : memref<4x64xf16> into memref<64xf16>

    As for `pim.combine`, there may be several tensors of them, and other axes than the first.
    """

    name = "pim.host_combine"

    partials = operand_def(MemRefType)
    more = var_operand_def(MemRefType)
    """Further partial sums of the same results."""
    result = operand_def(MemRefType)

    over = opt_prop_def(DenseArrayBase.constr(i64))

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$partials (`,` $more^)? (`over` $over^)? `into` $result attr-dict"
        " `:` type($partials) (`,` type($more)^)? `into` type($result)"
    )

    def __init__(
        self,
        partials: SSAValue,
        result: SSAValue,
        more: Sequence[SSAValue] = (),
        over: Sequence[int] = (0,),
    ) -> None:
        super().__init__(operands=[partials, more, result], properties={"over": over_axes(over)})

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are added up."""
        return axes_over(self.over)

    def verify_(self) -> None:
        result = cast(MemRefType[Attribute], self.result.type).get_shape()
        for partials in (self.partials, *self.more):
            shape = cast(MemRefType[Attribute], partials.type).get_shape()
            verify_combines(shape, self.axes, result)


@irdl_op_definition
class HostScaleOp(IRDLOperation):
    """The host multiplies what host memory holds by a constant, in f32, and rounds it again.

    pim.host_scale %q by 1.250000e-01 : f64 : memref<4x64xf16>
    """

    name = "pim.host_scale"

    buffer = operand_def(MemRefType)

    factor = prop_def(FloatAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$buffer `by` $factor attr-dict `:` type($buffer)"

    def __init__(self, buffer: SSAValue, factor: FloatAttr) -> None:
        super().__init__(operands=[buffer], properties={"factor": factor})


def counted_region() -> tuple[Region, Block]:
    """A region for RepeatOp or SpmdOp and its block, which takes the counter."""
    block = Block(arg_types=[IndexType()])
    return Region(block), block


def lies_with_host(value: SSAValue) -> bool:
    """Whether a program's argument is in the host's hands."""
    return getattr(layout_of(value), "name", "") == "layout.host"
