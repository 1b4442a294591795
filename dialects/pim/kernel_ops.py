"""Ops of the `pim` dialect above command level: kernels and their distribution over cores."""

from collections.abc import Sequence
from math import prod
from typing import Literal, cast

from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    AnyFloatConstr,
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    NoneAttr,
    StringAttr,
    TensorType,
    UnitAttr,
    f64,
    i64,
)
from xdsl.dialects.utils import AbstractYieldOperation
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
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
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
)
from xdsl.utils.exceptions import VerifyException

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.computation import Computation, computation_of, text_of
from pim_opt.dialects.iteration import Access, AttentionRole, Contraction
from pim_opt.dialects.pim.attrs import ScheduleAttr, SpaceAttr
from pim_opt.dialects.pim.partial_sums import axes_over, over_axes, verify_combines
from pim_opt.dialects.schedule import ScheduleError, check_covers

INPUTS = ("dram", "host")
CONTRACTION = "contraction"


def access_map(access: Access, rank: int) -> AffineMapAttr:
    """The indexing map of `access` over `rank` loop dimensions."""
    results = [AffineConstantExpr(0) if dim is None else AffineDimExpr(dim) for dim in access.axes]
    return AffineMapAttr(AffineMap(rank, 0, tuple(results)))


def access_of(map_: AffineMap, rank: int) -> Access:
    """The access that an indexing map over `rank` loop dimensions says.

    Raises:
        ValueError: the map's results are more than dimensions and 0.
    """
    if map_.num_dims != rank or map_.num_symbols:
        raise ValueError(
            f"indexing map {map_} takes {map_.num_dims} dimensions and {map_.num_symbols} symbols,"
            f" expected {rank} and 0"
        )
    axes: list[int | None] = []
    for result in map_.results:
        match result:
            case AffineDimExpr(position):
                axes.append(position)
            case AffineConstantExpr(0):
                axes.append(None)
            case _:
                raise ValueError(f"indexing map result {result}; expected a dimension or 0")
    return Access(tuple(axes))


@irdl_op_definition
class YieldOp(AbstractYieldOperation[Attribute]):
    """Ends a region of the `pim` dialect and gives its results.

    pim.yield %y : tensor<64xf16>
    """

    name = "pim.yield"

    traits = traits_def(IsTerminator(), Pure())


def _verify_block(
    op: IRDLOperation, body: Region, arguments: Sequence[Attribute], results: Sequence[Attribute]
) -> None:
    found = [arg.type for arg in body.block.args]
    if found != list(arguments):
        raise VerifyException(
            f"region takes ({', '.join(map(str, found))}), expected"
            f" ({', '.join(map(str, arguments))})"
        )
    yielded = body.block.last_op
    if not isinstance(yielded, YieldOp):
        raise VerifyException(f"'{op.name}' region must end in pim.yield")
    given = [value.type for value in yielded.arguments]
    if given != list(results):
        raise VerifyException(
            f"pim.yield gives ({', '.join(map(str, given))}), but '{op.name}' has results"
            f" ({', '.join(map(str, results))})"
        )


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A structured kernel that runs on the PIM side of a device.

    The iteration space, its roles and the indexing maps of operands and result (of a contraction:
    vector, matrix, result) say what is computed; kernels that are no contractions name their class
    after `computing`. The body computes it, at whatever level the passes have brought it to.

        %y = pim.kernel "gemv" on "attacc" over <n 64 output, k 32 reduction>
               maps [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>,
                     affine_map<(d0, d1) -> (d0)>]
               ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
        ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
          ...
          pim.yield %r : tensor<64xf16>
        } : tensor<64xf16>

    Attention may take a `length`: its region then has an index as its last argument, and positions
    from that number on take no part. The space has as many positions as there are at most.
    """

    name = "pim.kernel"

    inputs = var_operand_def(TensorType)
    length = opt_operand_def(IndexType())
    outputs = var_result_def(TensorType)

    label = prop_def(StringAttr)
    """A name for reports, unique in the function."""
    device = prop_def(StringAttr)
    """Name or path of the device."""
    computes = opt_prop_def(StringAttr)
    """The class of kernel and its detail; a contraction where there is none."""
    space = prop_def(SpaceAttr)
    indexing_maps = prop_def(ArrayAttr[AffineMapAttr])
    resident = prop_def(DenseArrayBase.constr(i64))
    """Numbers of the operands that stay in PIM memory between calls."""
    origin = prop_def(StringAttr)
    """Where the other operands are when the kernel starts: "dram" (host layout) or "host"."""
    held = opt_prop_def(DenseArrayBase.constr(i64))
    """Numbers of operands that the host has when the kernel starts, whatever `origin` says: what it
    need not read from DRAM, as constants."""
    schedule = opt_prop_def(ScheduleAttr)
    narrowed = opt_prop_def(UnitAttr)
    """Operands of source and kernel differ by a rounding: from wider floats, as narrow-to allowed,
    or of weights that the source scales."""
    source_accumulator = opt_prop_def(AnyFloatConstr)
    """The type in which the source sums, where it is narrower than the kernel's f32."""

    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), Pure())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$label `on` $device (`computing` $computes^)? `over` $space `maps` $indexing_maps"
        " `ins` `(` $inputs `:` type($inputs) `)` (`length` $length^)?"
        " `resident` $resident `from` $origin"
        " (`held` $held^)? (`narrowed` $narrowed^)? (`replacing` $source_accumulator^)?"
        " (`schedule` $schedule^)?"
        " $body attr-dict `:` type($outputs)"
    )

    def __init__(
        self,
        label: str,
        device: str,
        computation: Computation,
        inputs: Sequence[SSAValue],
        output_types: Sequence[Attribute],
        resident: Sequence[int],
        origin: str,
        body: Region,
        *,
        held: Sequence[int] = (),
        narrowed: bool = False,
        source_accumulator: AnyFloat | None = None,
        length: SSAValue | None = None,
    ) -> None:
        rank = len(computation.dims)
        text = text_of(computation)
        accesses = (*computation.inputs, computation.result)
        super().__init__(
            operands=[inputs, length],
            result_types=[output_types],
            properties={
                "label": StringAttr(label),
                "device": StringAttr(device),
                "computes": None if text == CONTRACTION else StringAttr(text),
                "space": SpaceAttr(computation.dims),
                "indexing_maps": ArrayAttr([access_map(access, rank) for access in accesses]),
                "resident": DenseArrayBase.from_list(i64, list(resident)),
                "origin": StringAttr(origin),
                "held": DenseArrayBase.from_list(i64, list(held)) if held else None,
                "narrowed": UnitAttr() if narrowed else None,
                "source_accumulator": source_accumulator,
            },
            regions=[body],
        )

    @property
    def kind(self) -> str:
        """The class of kernel."""
        return CONTRACTION if self.computes is None else self.computes.data.partition(":")[0]

    @property
    def computation(self) -> Computation:
        """What the kernel computes.

        Raises:
            ValueError: space, indexing maps and text do not describe a kernel of any class.
        """
        rank = len(self.space.data)
        text = CONTRACTION if self.computes is None else self.computes.data
        accesses = [access_of(attr.data, rank) for attr in self.indexing_maps]
        return computation_of(text, self.space.data, accesses)

    @property
    def contraction(self) -> Contraction:
        """What a kernel of class "contraction" computes.

        Raises:
            ValueError: as `computation`, or the kernel is of another class.
        """
        computation = self.computation
        if not isinstance(computation, Contraction):
            raise ValueError(f"kernel {self.label.data} is no contraction, but {self.kind}")
        return computation

    @property
    def argument_types(self) -> tuple[Attribute, ...]:
        """What the region takes: a tensor for each input, and the length if there is one."""
        return tuple(value.type for value in self.operands)

    @property
    def positions(self) -> int:
        """Positions of attention: the most that a length may say."""
        lengths = [dim.size for dim in self.space.data if dim.role is AttentionRole.LENGTH]
        return prod(lengths)

    @property
    def resident_operands(self) -> tuple[int, ...]:
        return tuple(cast(Sequence[int], self.resident.get_values()))

    def start_of(self, number: int) -> Literal["dram", "host", "resident"]:
        """Where operand `number` is when the kernel starts."""
        if number in self.resident_operands:
            return "resident"
        held = () if self.held is None else self.held.get_values()
        return "host" if number in held or self.origin.data == "host" else "dram"

    @property
    def yielded(self) -> YieldOp:
        return cast(YieldOp, self.body.block.last_op)

    def verify_(self) -> None:
        if len(self.outputs) != 1 or len(self.indexing_maps) != len(self.inputs) + 1:
            raise VerifyException(
                f"{len(self.inputs)} inputs, {len(self.outputs)} results and"
                f" {len(self.indexing_maps)} indexing maps; expected one result, and a map for each"
            )
        try:
            computation = self.computation
            if self.schedule is not None:
                check_covers(self.schedule.data, computation)
        except ScheduleError as error:
            raise VerifyException(f"schedule: {error}") from error
        except ValueError as error:
            raise VerifyException(str(error)) from error
        self._verify_shapes(computation)
        self._verify_residence()
        if self.length is not None and not isinstance(computation, Attention):
            raise VerifyException(f"a kernel of class {self.kind} takes no length")
        _verify_block(self, self.body, self.argument_types, self.outputs.types)

    def _verify_shapes(self, computation: Computation) -> None:
        names = [f"input {number}" for number in range(len(self.inputs))] + ["result"]
        accesses = (*computation.inputs, computation.result)
        for name, access, value in zip(names, accesses, (*self.inputs, *self.outputs), strict=True):
            shape = cast(TensorType[Attribute], value.type).get_shape()
            if shape != computation.shape(access):
                raise VerifyException(
                    f"{name} has shape {list(shape)}, but the space and its map give"
                    f" {list(computation.shape(access))}"
                )

    def _verify_residence(self) -> None:
        held = () if self.held is None else tuple(self.held.get_values())
        for what, numbers in (("resident", self.resident_operands), ("held", held)):
            for number in numbers:
                if not 0 <= number < len(self.inputs):
                    raise VerifyException(
                        f"{what} operand {number}, but operands are 0 to {len(self.inputs) - 1}"
                    )
        if self.origin.data not in INPUTS:
            raise VerifyException(
                f'inputs come from "{self.origin.data}"; expected one of {", ".join(INPUTS)}'
            )


@irdl_op_definition
class DistributeOp(IRDLOperation):
    """Runs its body once on every PIM core, on that core's tiles.

    The kernel's schedule says how: a tile holds the points of the time and lane factors; indices
    beyond a tensor's shape read as zero. Axis 0 of the result counts the partial sums, one for each
    value of the hardware factors of the reduction dimensions; the other axes are the result's.

        %p = pim.distribute ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) {
        ^bb0(%xt: tensor<16xf16>, %wt: tensor<4x16xf16>):
          ...
          pim.yield %yt : tensor<4xf32>
        } : tensor<2x64xf32>
    """

    name = "pim.distribute"

    inputs = var_operand_def(TensorType)
    output = result_def(TensorType)

    stage = opt_prop_def(IntegerAttr[IntegerType])
    """Which of the kernel's loop nests this is; the first where it is not given."""

    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), HasParent(KernelOp), Pure())

    assembly_format = (
        "(`stage` $stage^)? `ins` `(` $inputs `:` type($inputs) `)` $body attr-dict"
        " `:` type($output)"
    )

    def __init__(
        self, inputs: Sequence[SSAValue], output_type: Attribute, body: Region, stage: int = 0
    ) -> None:
        super().__init__(
            operands=[inputs],
            result_types=[output_type],
            properties={"stage": IntegerAttr(stage, i64) if stage else None},
            regions=[body],
        )

    @property
    def stage_number(self) -> int:
        """Which of the kernel's loop nests this is."""
        return 0 if self.stage is None else self.stage.value.data

    @property
    def kernel(self) -> KernelOp:
        return cast(KernelOp, self.parent_op())

    def verify_(self) -> None:
        if self.kernel.schedule is None:
            raise VerifyException("the surrounding kernel has no schedule to distribute by")
        stages = len(self.kernel.computation.stages)
        if not 0 <= self.stage_number < stages:
            raise VerifyException(f"stage {self.stage_number} of a kernel that has {stages}")
        if not isinstance(self.body.block.last_op, YieldOp):
            raise VerifyException("'pim.distribute' region must end in pim.yield")


@irdl_op_definition
class CombineOp(IRDLOperation):
    """Adds partial sums along some axes in f32 and rounds to the result's element type.

    %y = pim.combine %p : tensor<2x64xf32> -> tensor<64xf16>

    Without `over` these are those of axis 0. Several tensors of partial sums may differ in size
    along the axes that are added:

    %y = pim.combine %p, %q over [1] :
         tensor<64x2xf16>, tensor<64x5xf16> -> tensor<64xf16>
    """

    name = "pim.combine"

    partials = operand_def(TensorType)
    more = var_operand_def(TensorType)
    """Further partial sums of the same results."""
    result = result_def(TensorType)

    over = opt_prop_def(DenseArrayBase.constr(i64))

    traits = traits_def(Pure())

    assembly_format = (
        "$partials (`,` $more^)? (`over` $over^)? attr-dict"
        " `:` type($partials) (`,` type($more)^)? `->` type($result)"
    )

    def __init__(
        self,
        partials: SSAValue,
        result_type: Attribute,
        more: Sequence[SSAValue] = (),
        over: Sequence[int] = (0,),
    ) -> None:
        super().__init__(
            operands=[partials, more],
            result_types=[result_type],
            properties={"over": over_axes(over)},
        )

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are added up."""
        return axes_over(self.over)

    def verify_(self) -> None:
        result = self.result.type.get_shape()
        for partials in (self.partials, *self.more):
            shape = cast(TensorType[Attribute], partials.type).get_shape()
            verify_combines(shape, self.axes, result)


def plain(type_: Attribute) -> TensorType[Attribute]:
    """`type_`, a tensor type, without its layout."""
    tensor = cast(TensorType[Attribute], type_)
    return TensorType(tensor.element_type, tensor.get_shape(), NoneAttr())


@irdl_op_definition
class ScaleOp(IRDLOperation):
    """The host multiplies by a constant in f32 and rounds to the element type.

    %s = pim.scale %q by 1.250000e-01 : f64 : tensor<4x64xf16>
    """

    name = "pim.scale"

    source = operand_def(TensorType)
    result = result_def(TensorType)

    factor = prop_def(FloatAttr)

    traits = traits_def(Pure())

    assembly_format = "$source `by` $factor attr-dict `:` type($source) `->` type($result)"

    def __init__(self, source: SSAValue, factor: float) -> None:
        super().__init__(
            operands=[source],
            result_types=[source.type],
            properties={"factor": FloatAttr(factor, f64)},
        )

    def verify_(self) -> None:
        if self.source.type != self.result.type:
            raise VerifyException("the result's type is not the operand's")


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Adds partial sums along axis 0 and a mask, rounds, and takes the softmax along another axis.

    With places: the sums move from the accumulators to where the softmax works, added on the way;
    the mask is added in the accumulators before. Its map gives the mask's index of a score.

    %w = pim.softmax %s along 1 : i64 : tensor<4x32x512xf32> -> tensor<32x512xf16>
    %v = pim.softmax %s plus %m : tensor<512xf16> by affine_map<(d0, d1) -> (d1)>
           along 1 : i64 : tensor<4x32x512xf32> -> tensor<32x512xf16>

    With a length, scores from that index on are left out; their weights are 0.

    %w = pim.softmax %s to %n along 1 : i64 : tensor<4x32x512xf32> -> tensor<32x512xf16>
    """

    name = "pim.softmax"

    partials = operand_def(TensorType)
    mask = opt_operand_def(TensorType)
    length = opt_operand_def(IndexType())
    result = result_def(TensorType)

    mask_map = opt_prop_def(AffineMapAttr)
    axis = prop_def(IntegerAttr[IntegerType])
    """Of the result."""

    traits = traits_def(Pure())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$partials (`plus` $mask^ `:` type($mask) `by` $mask_map)? (`to` $length^)?"
        " `along` $axis attr-dict"
        " `:` type($partials) `->` type($result)"
    )

    def __init__(
        self,
        partials: SSAValue,
        axis: int,
        result_type: Attribute,
        mask: SSAValue | None = None,
        mask_map: AffineMapAttr | None = None,
        length: SSAValue | None = None,
    ) -> None:
        super().__init__(
            operands=[partials, mask, length],
            result_types=[result_type],
            properties={"axis": IntegerAttr(axis, i64), "mask_map": mask_map},
        )

    def verify_(self) -> None:
        self._verify_mask()
        partials = cast(TensorType[Attribute], self.partials.type).get_shape()
        result = self.result.type.get_shape()
        if partials[1:] != result:
            raise VerifyException(
                f"partials {list(partials)} without their first axis are not {list(result)}"
            )
        if not 0 <= self.axis.value.data < len(result):
            raise VerifyException(f"axis {self.axis.value.data} of {len(result)}")

    def _verify_mask(self) -> None:
        if (self.mask is None) is not (self.mask_map is None):
            raise VerifyException("a mask and its map go together")
        if self.mask is None or self.mask_map is None:
            return
        result = self.result.type.get_shape()
        found = cast(TensorType[Attribute], self.mask.type).get_shape()
        try:
            access = access_of(self.mask_map.data, len(result))
        except ValueError as error:
            raise VerifyException(str(error)) from error
        expected = tuple(1 if dim is None else result[dim] for dim in access.axes)
        if found != expected:
            raise VerifyException(
                f"mask has shape {list(found)}, but its map gives {list(expected)}"
            )
