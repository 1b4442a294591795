"""Attention in tests: recognised in MLIR, replaced by the kernel's body, and computed in NumPy."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.builder import ImplicitBuilder
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from pim_opt.dialects.iteration import Access, AttentionRole
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.attention_body import attention_body
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.linalg_normalize import LinalgNormalizePass
from pim_opt.passes.mlir import MlirPass
from pim_opt.passes.recognise_attention import FusedAttention, recognise_attention
from pim_opt.passes.reshapes import reshaped
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.evaluate_scalars import dtype_of_type

Array = NDArray[Any]


def normalised(text: str, through_mlir: bool = False) -> ModuleOp:
    """A module as passes see it before kernels are outlined."""
    context = make_context()
    module = parse_module(text, "<text>", context)
    if through_mlir:
        MlirPass().apply(context, module)
    LinalgNormalizePass().apply(context, module)
    return module


def found_in(module: ModuleOp) -> list[FusedAttention | str]:
    """What is recognised of each op, in order; ops that are no attention left out."""
    generics = [op for op in module.walk() if isinstance(op, linalg.GenericOp)]
    found = (recognise_attention(op) for op in generics)
    return [match for match in found if match is not None]


def only_match(module: ModuleOp) -> FusedAttention:
    """The one attention of a module."""
    (match,) = found_in(module)
    assert isinstance(match, FusedAttention), match
    return match


def function_of(module: ModuleOp) -> func.FuncOp:
    """The module's only function."""
    (function,) = [op for op in module.ops if isinstance(op, func.FuncOp)]
    return function


def random_arguments(function: func.FuncOp, seed: int = 0) -> list[Array]:
    """Arguments of the function's types; truth values are true more often than not."""
    rng = np.random.default_rng(seed)
    arrays: list[Array] = []
    for type_ in function.function_type.inputs:
        dtype = dtype_of_type(getattr(type_, "element_type", type_))
        shape = shape_of(type_)
        if dtype == np.bool_:
            arrays.append(rng.random(shape) < 0.7)
        else:
            arrays.append(rng.standard_normal(shape).astype(dtype))
    return arrays


def run(module: ModuleOp, arguments: Sequence[Array]) -> list[Array]:
    """The results of the module's only function."""
    return Evaluator().evaluate_function(function_of(module), arguments)


def replace_by_body(match: FusedAttention) -> None:
    """Put the kernel's body in the place of the ops that the match covers."""
    attention = match.attention
    block = Block()
    accesses = [attention.query, attention.key, attention.value]
    operands: list[SSAValue] = [match.query, match.key, match.value]
    if match.mask is not None and attention.mask is not None:
        accesses.append(attention.mask)
        operands.append(match.mask)
    with ImplicitBuilder(block):
        views = [
            reshaped(value, attention.shape(access))
            for value, access in zip(operands, accesses, strict=True)
        ]
        element = element_of(match.result)
        result = attention_body(attention, views, match.scale, match.guarded, element)
        outcome = reshaped(result, shape_of(match.result))
    ops = list(block.ops)
    for op in ops:
        op.detach()
    last = match.result.owner
    assert isinstance(last, Operation)
    Rewriter.insert_op(ops, InsertPoint.before(last))
    match.result.replace_all_uses_with(outcome)
    for op in reversed(match.ops):
        Rewriter.erase_op(op)


def mathematics(
    match: FusedAttention, query: Array, key: Array, value: Array, mask: Array | None
) -> Array:
    """The result as the description says, in double precision, from the values' arrays."""
    attention = match.attention

    def read(array: Array, access: Access) -> tuple[Array, str]:
        view = array.astype(np.float64).reshape(attention.shape(access))
        unit = tuple(axis for axis, dim in enumerate(access.axes) if dim is None)
        return view.squeeze(unit), _letters(access)

    scores = _letters(attention.scores)
    (q, of_q), (k, of_k) = read(query, attention.query), read(key, attention.key)
    (v, of_v), result = read(value, attention.value), _letters(attention.result)
    logits = np.einsum(f"{of_q},{of_k}->{scores}", q, k) * match.scale
    if mask is not None and attention.mask is not None:
        m, of_m = read(mask, attention.mask)
        logits = logits + np.einsum(f"{of_m},{scores}->{scores}", m, np.ones(logits.shape))
    axes = tuple(
        i for i, dim in enumerate(attention.scores.axes)
        if dim is not None and attention.dims[dim].role is AttentionRole.LENGTH
    )  # fmt: skip
    exponentials = np.exp(logits - logits.max(axes, keepdims=True))
    weights = exponentials / exponentials.sum(axes, keepdims=True)
    context = np.einsum(f"{scores},{of_v}->{result}", weights, v)
    return context.reshape(shape_of(match.result))


def _letters(access: Access) -> str:
    return "".join(chr(ord("a") + dim) for dim in access.dims)


def values_at(module: ModuleOp, match: FusedAttention, arguments: Sequence[Array]) -> list[Array]:
    """What the function computes for query, key, value, mask if there is one, and result."""
    wanted = [match.query, match.key, match.value, match.mask, match.result]
    block = function_of(module).body.block
    terminator = cast(Operation, block.last_op)
    kept = list(terminator.operands)
    terminator.operands = [value for value in wanted if value is not None]
    try:
        return Evaluator().evaluate_block(block, arguments)
    finally:
        terminator.operands = kept
