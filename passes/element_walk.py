"""Reads tensors element by element, backwards through the ops that compute them.

An element of a tensor is followed to the scalar that a linalg op yields for it, and from there to
the elements of the op's operands. Reshapes, transposes and broadcasts change nothing but indices,
and it does not matter into how many ops a frontend has split or fused the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, IntegerAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
from xdsl.utils.hints import isa

from pim_opt.dialects.compat.recognise import constant_initial_value
from pim_opt.dialects.loop_digits import Digits, LoopSpace
from pim_opt.sim.evaluate_scalars import SCALAR_FUNCTIONS, constant, dtype_of_type


class Fold(StrEnum):
    """How a reduction combines its summands."""

    SUM = "sum"
    MAXIMUM = "maximum"
    ALL = "all"
    ANY = "any"


_FOLDS: dict[type[Operation], Fold] = {
    arith.AddfOp: Fold.SUM,
    arith.MaximumfOp: Fold.MAXIMUM,
    arith.MaxnumfOp: Fold.MAXIMUM,
    arith.AndIOp: Fold.ALL,
    arith.OrIOp: Fold.ANY,
}


@dataclass(frozen=True)
class Element:
    """An element of a tensor: per axis the loops that index it."""

    tensor: SSAValue
    index: tuple[Digits, ...]


@dataclass(frozen=True)
class Scalar:
    """A scalar inside a linalg op, or around it, at one point of the op's loops."""

    value: SSAValue
    structure: "Structure | None" = None
    loops: tuple[Digits, ...] = ()


@dataclass(frozen=True)
class Reduction:
    """An element that combines `summand` over `loops`, starting from `initial`.

    `initial` is None where it is no constant.
    """

    fold: Fold
    summand: Scalar
    loops: Digits
    initial: float | None
    op: Operation


Node = Element | Scalar | Reduction


@dataclass(frozen=True)
class Structure:
    """Loops and body of a linalg op: a map per operand, inputs first."""

    op: Operation
    maps: tuple[AffineMap, ...]
    reductions: tuple[int, ...]
    body: Block

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.maps) - len(self.op.results)

    def loop_size(self, loop: int) -> int:
        """Iterations of a loop, as the operands' shapes give them.

        Raises:
            ValueError: no operand is indexed by the loop alone.
        """
        for value, map_ in zip(self.op.operands, self.maps, strict=True):
            type_ = value.type
            if not isa(type_, TensorType[Attribute]):
                continue
            for expr, size in zip(map_.results, type_.get_shape(), strict=True):
                if isinstance(expr, AffineDimExpr) and expr.position == loop:
                    return size
        raise ValueError(f"the size of loop {loop} is not known")


def structure_of(op: Operation) -> Structure | None:
    """The structure of a linalg.generic or linalg.reduce on tensors; None of any other op."""
    if isinstance(op, linalg.GenericOp):
        maps = tuple(attr.data for attr in op.indexing_maps)
        kinds = [attr.data for attr in op.iterator_types]
        reductions = tuple(i for i, kind in enumerate(kinds) if kind is IteratorType.REDUCTION)
        return Structure(op, maps, reductions, op.body.block)
    if isinstance(op, linalg.ReduceOp):
        rank = cast(TensorType[Attribute], op.input.type).get_num_dims()
        reductions = tuple(cast(Sequence[int], op.dimensions.get_values()))
        kept = tuple(AffineDimExpr(dim) for dim in range(rank) if dim not in reductions)
        maps = (AffineMap.identity(rank), AffineMap(rank, 0, kept))
        return Structure(op, maps, reductions, op.region.block)
    return None


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor."""
    return cast(TensorType[Attribute], value.type).get_shape()


RESHAPES = tensor.CollapseShapeOp | tensor.ExpandShapeOp | tensor.CastOp
_CASTS = arith.ExtFOp | arith.TruncFOp | arith.ExtUIOp | arith.ExtSIOp | arith.TruncIOp


class ElementWalk:
    """Steps from elements and scalars to what they are computed from, over loops of one space."""

    def __init__(self, space: LoopSpace) -> None:
        self.space = space
        self.roundings: dict[str, AnyFloat] = {}
        """Per stage of `see` the narrowest float type that it met, if narrower than 32 bits."""

    def behind(self, element: Element) -> Node | None:
        """What the element is equal to, one op back; None if the walk ends there."""
        owner = element.tensor.owner
        match owner:
            case tensor.CollapseShapeOp():
                return self._before_collapse(element, owner)
            case tensor.ExpandShapeOp():
                groups = axis_groups(owner.reassociation)
                index = [sum((element.index[axis] for axis in group), ()) for group in groups]
                return Element(owner.src, tuple(index))
            case tensor.CastOp():
                return Element(owner.source, element.index)
            case linalg.BroadcastOp():
                added = cast(Sequence[int], owner.dimensions.get_values())
                kept = [index for axis, index in enumerate(element.index) if axis not in added]
                return Element(owner.input, tuple(kept))
            case linalg.FillOp():
                return Scalar(owner.inputs[0])
            case Operation():
                structure = structure_of(owner)
                return None if structure is None else self._yielded(element, structure)
            case _:
                return None

    def _before_collapse(self, element: Element, op: tensor.CollapseShapeOp) -> Element | None:
        sizes = shape_of(op.src)
        index: list[Digits] = []
        for digits, group in zip(element.index, axis_groups(op.reassociation), strict=True):
            parts = self.space.divided(digits, [sizes[axis] for axis in group])
            if parts is None:
                return None
            index += parts
        return Element(op.src, tuple(index))

    def _yielded(self, element: Element, structure: Structure) -> Scalar | Reduction | None:
        """The scalar that the op yields for the element, or the reduction that it makes of it."""
        number = structure.op.results.index(cast(OpResult, element.tensor))
        map_ = structure.maps[structure.inputs + number]
        loops = self._loops_of(structure, map_, element.index)
        terminator = structure.body.last_op
        if loops is None or not isinstance(terminator, linalg.YieldOp):
            return None
        yielded = Scalar(terminator.operands[number], structure, loops)
        if not structure.reductions:
            return yielded
        return self._reduction(structure, number, yielded)

    def _loops_of(
        self, structure: Structure, map_: AffineMap, index: Sequence[Digits]
    ) -> tuple[Digits, ...] | None:
        """The op's loops at which `map_` gives `index`; new ones for its reductions.

        Returns:
            Digits per loop; or None if the map says more than plain loops.
        """
        known: dict[int, Digits] = {}
        for expr, digits in zip(map_.results, index, strict=True):
            match expr:
                case AffineDimExpr(position) if position not in known:
                    known[position] = digits
                case AffineConstantExpr(0) if not digits:
                    pass
                case _:
                    return None
        for loop in structure.reductions:
            if loop in known:
                return None
            known[loop] = self.space.loop(structure.loop_size(loop), bindable=True)
        if len(known) < map_.num_dims:
            return None
        return tuple(known[loop] for loop in range(map_.num_dims))

    def _reduction(self, structure: Structure, number: int, total: Scalar) -> Reduction | None:
        accumulator = structure.body.args[structure.inputs + number]
        owner = total.value.owner
        fold = _FOLDS.get(type(owner)) if isinstance(owner, Operation) else None
        if fold is None or not isinstance(owner, Operation):
            return None
        summands = [value for value in owner.operands if value is not accumulator]
        if len(summands) != 1:
            return None
        loops = tuple(loop for dim in structure.reductions for loop in total.loops[dim])
        initial = constant_initial_value(structure.op.operands[structure.inputs + number])
        summand = Scalar(summands[0], structure, total.loops)
        return Reduction(fold, summand, loops, initial, structure.op)

    def element_read(self, scalar: Scalar) -> Element | None:
        """The operand's element that a scalar is, if it is an input of its op."""
        value, structure = scalar.value, scalar.structure
        if structure is None or not isinstance(value, BlockArgument):
            return None
        if value.block is not structure.body or value.index >= structure.inputs:
            return None
        operand = structure.op.operands[value.index]
        index: list[Digits] = []
        if not isa(operand.type, TensorType[Attribute]):
            return None
        sizes = operand.type.get_shape()
        for expr, size in zip(structure.maps[value.index].results, sizes, strict=True):
            match expr:
                case AffineDimExpr(position):
                    index.append(scalar.loops[position])
                case AffineConstantExpr(0) if size == 1:
                    index.append(())
                case _:
                    return None
        return Element(operand, tuple(index))

    def see(self, node: Node, stage: str | None = None) -> Node:
        """`node` behind reshapes, copies and casts: a scalar op, a reduction, or where it ends.

        With a `stage`, casts to narrow floats are noted in `roundings`.
        """
        while True:
            further: Node | None = None
            match node:
                case Element():
                    further = self.behind(node)
                case Scalar():
                    self._note(node, stage)
                    further = self.element_read(node)
                    if isinstance(node.value.owner, _CASTS):
                        (further,) = self.operands(node)
                case Reduction():
                    pass
            if further is None:
                return node
            node = further

    def operands(self, scalar: Scalar) -> tuple[Scalar, ...]:
        """The scalars that a scalar op reads; none for an argument."""
        owner = scalar.value.owner
        if not isinstance(owner, Operation):
            return ()
        return tuple(Scalar(value, scalar.structure, scalar.loops) for value in owner.operands)

    def _note(self, scalar: Scalar, stage: str | None) -> None:
        if stage is not None and not isinstance(scalar.value, BlockArgument):
            self.note(stage, scalar.value.type)

    def note(self, stage: str, type_: Attribute) -> None:
        """Note that a stage rounds to `type_`."""
        if not isa(type_, AnyFloat):
            return
        narrowest = self.roundings.get(stage)
        if type_.bitwidth < (32 if narrowest is None else narrowest.bitwidth):
            self.roundings[stage] = type_

    def constant(self, node: Node) -> float | None:
        """The number that `node` is at every point, or None."""
        match node:
            case Reduction():
                return None
            case Element():
                known = constant_initial_value(node.tensor)
                further = None if known is not None else self.behind(node)
                return known if further is None else self.constant(further)
            case Scalar():
                read = self.element_read(node)
                return self._folded(node) if read is None else self.constant(read)

    def _folded(self, scalar: Scalar) -> float | None:
        """The number that a scalar op makes of constants."""
        owner = scalar.value.owner
        if isinstance(owner, arith.ConstantOp):
            return float(constant(owner))
        if not isinstance(owner, Operation) or owner.name not in SCALAR_FUNCTIONS:
            return None
        numbers: list[np.ndarray] = []
        for operand in self.operands(scalar):
            number = self.constant(operand)
            if number is None:
                return None
            numbers.append(np.asarray(number, dtype_of_type(operand.value.type)))
        return float(SCALAR_FUNCTIONS[owner.name](owner, numbers)) if numbers else None

    def same(self, left: Node, right: Node) -> bool:
        """Whether both are the same number, loops of reductions being bound to make them so."""
        left, right = self.see(left), self.see(right)
        match left, right:
            case Element(), Element():
                return left.tensor is right.tensor and self._same_loops(left.index, right.index)
            case Reduction(), Reduction():
                return left.op is right.op and self._same_parallels(left, right)
            case Scalar(), Scalar():
                return self._same_scalars(left, right)
            case _:
                return False

    def _same_loops(self, left: Sequence[Digits], right: Sequence[Digits]) -> bool:
        return all(self.space.bind(*pair) for pair in zip(left, right, strict=True))

    def _same_parallels(self, left: Reduction, right: Reduction) -> bool:
        """Whether two readings of one reduction are at the same point of its other loops."""
        return left.fold is right.fold and self._same_loops(left.summand.loops, right.summand.loops)

    def _same_scalars(self, left: Scalar, right: Scalar) -> bool:
        if left.value is right.value and left.structure == right.structure:
            return self._same_loops(left.loops, right.loops)
        ours, theirs = left.value.owner, right.value.owner
        if not isinstance(ours, Operation) or not isinstance(theirs, Operation):
            return False
        if type(ours) is not type(theirs) or ours.properties != theirs.properties:
            return False
        pairs = zip(self.operands(left), self.operands(right), strict=True)
        return bool(ours.operands) and all(self.same(*pair) for pair in pairs)


def axis_groups(reassociation: ArrayAttr[ArrayAttr[IntegerAttr]]) -> list[list[int]]:
    """The axes of the larger shape that each axis of the smaller one stands for."""
    return [[axis.value.data for axis in group] for group in reassociation]
