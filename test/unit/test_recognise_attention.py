"""Attention in exports and in other forms; and why some of what looks like it is not taken."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attention import (
    found_in,
    function_of,
    mathematics,
    normalised,
    only_match,
    random_arguments,
    replace_by_body,
    run,
    values_at,
)
from random_attention import RandomAttention, Tensor, Writer, product, softmax

from pim_opt.dialects.iteration import Access
from pim_opt.dialects.mlir_bridge import available
from pim_opt.passes.recognise_attention import FusedAttention

INPUTS = Path(__file__).parents[1] / "inputs"

THROUGH_MLIR = [
    pytest.param(False, id="plain"),
    pytest.param(
        True, id="mlir", marks=pytest.mark.skipif(not available(), reason="no bindings of MLIR")
    ),
]

SHARED = "h0 2, h1 3, g 2, n 9, d 8, e 8"
SEPARATE = "h0 2, h1 6, n 9, d 8, e 8"
EXPORTS = {
    "decode_attention_masked_f16": "h0 4, h1 8, n 256, d 64, e 64",
    "attention/alibi": SEPARATE,
    "attention/bshd": SEPARATE,
    "attention/grouped": SHARED,
    "attention/hf_eager_mask_f16": SHARED,
    "attention/masked_fill": SEPARATE,
    "attention/mqa": "h 2, g 6, n 9, d 8, e 8",
    "attention/one_position": "h0 2, h1 6, n 1, d 8, e 8",
    "attention/prefill_causal": "h0 2, h1 6, g 9, n 9, d 8, e 8",
    "attention/sdpa_bool_mask": SEPARATE,
    "attention/sdpa_gqa_f16": SHARED,
    "attention/sdpa_mask_f16": SEPARATE,
    "attention/tile": SHARED,
    "attention/unbatched": "n 9, d 8, e 8",
}


def export(name: str) -> str:
    return (INPUTS / f"{name}.mlir").read_text()


def dims_of(match: FusedAttention) -> str:
    return ", ".join(f"{dim.name} {dim.size}" for dim in match.attention.dims)


def named(match: FusedAttention, access: Access | None) -> str | None:
    """Per axis the dimension's name, or 1."""
    if access is None:
        return None
    dims = match.attention.dims
    return " ".join("1" if dim is None else dims[dim].name for dim in access.axes)


@pytest.mark.parametrize("through_mlir", THROUGH_MLIR)
@pytest.mark.parametrize("name", EXPORTS)
def test_exports(name: str, through_mlir: bool) -> None:
    module = normalised(export(name), through_mlir)
    match = only_match(module)
    assert dims_of(match) == EXPORTS[name]
    arguments = random_arguments(function_of(module))
    (before,) = run(module, arguments)
    query, key, value, *mask, result = values_at(module, match, arguments)
    expected = mathematics(match, query, key, value, mask[0] if mask else None)
    tolerance = 2e-3 if result.dtype == np.float16 else 1e-5
    np.testing.assert_allclose(result.astype(np.float64), expected, atol=tolerance)
    replace_by_body(match)
    module.verify()
    (after,) = run(module, arguments)
    np.testing.assert_allclose(after, before, atol=tolerance)


@pytest.mark.parametrize("through_mlir", THROUGH_MLIR)
def test_one_attention_in_a_decoder_layer(through_mlir: bool) -> None:
    match = only_match(normalised(export("llama_decoder_layer"), through_mlir))
    assert dims_of(match) == "h 4, g 4, n 512, d 128, e 128"
    assert match.scale == pytest.approx(128**-0.5)


def test_batch_and_heads_that_stay_together_are_one_dimension() -> None:
    match = only_match(normalised(export("decode_attention_batched")))
    assert dims_of(match) == "h 256, n 512, d 128, e 128"
    assert match.mask is None
    assert not match.roundings


def test_a_mask_for_all_heads_keeps_requests_apart() -> None:
    match = only_match(normalised(export("decode_attention_masked_f16")))
    assert named(match, match.attention.mask) == "h0 1 1 n"
    assert named(match, match.attention.query) == "h0 h1 1 d"
    assert str(match.query.type) == "tensor<32x1x64xf16>"
    assert match.scale == 0.125


def test_repeated_keys_are_read_where_they_are_shared() -> None:
    match = only_match(normalised(export("attention/tile")))
    arguments = function_of(normalised(export("attention/tile"))).args
    assert [match.key.name_hint, match.value.name_hint] == [a.name_hint for a in arguments[1:]]
    assert named(match, match.attention.key) == "h0 h1 n d"
    assert named(match, match.attention.query) == "h0 g h1 1 d"


def test_transposed_keys_are_read_as_stored() -> None:
    match = only_match(normalised(export("attention/kt")))
    assert named(match, match.attention.key) == "h d n"
    match = only_match(normalised(export("attention/bshd")))
    assert named(match, match.attention.key) == "h0 n h1 d"


def test_queries_of_several_positions_share_keys() -> None:
    match = only_match(normalised(export("attention/prefill_causal")))
    assert dims_of(match) == "h0 2, h1 6, g 9, n 9, d 8, e 8"
    assert named(match, match.attention.mask) == "g n"


def test_scales_of_query_and_key_multiply() -> None:
    match = only_match(normalised(export("attention/sdpa_gqa_f16")))
    assert match.scale == pytest.approx(8**-0.5)
    assert match.guarded
    assert str(match.key.type) == "tensor<2x3x9x8xf16>"
    assert [(r.stage, str(r.element)) for r in match.roundings] == [("context", "f16")]


def test_roundings_of_scores_and_weights() -> None:
    match = only_match(normalised(export("attention/hf_eager_mask_f16")))
    assert [r.stage for r in match.roundings] == ["score", "weight", "context"]


def test_guarded_rows_without_any_score_are_zero() -> None:
    module = normalised(export("attention/sdpa_mask_f16"))
    arguments = random_arguments(function_of(module))
    arguments[3][0] = -np.inf
    (before,) = run(module, arguments)
    assert not before[0].any()
    replace_by_body(only_match(module))
    (after,) = run(module, arguments)
    np.testing.assert_allclose(after, before, atol=2e-3)


def test_nothing_else_is_attention() -> None:
    for name in ("softmax", "mlp_gelu", "rmsnorm", "small_cnn", "gemv_f16"):
        assert found_in(normalised(export(name))) == []


MASK = Tensor("%m", ("n",), "f32")

Build = Callable[[Writer, Tensor, Tensor, Tensor], list[Tensor]]


def reason(
    build: Build,
    query: tuple[str, ...] = ("b", "h", "d"),
    key: tuple[str, ...] = ("b", "h", "n", "d"),
    value: tuple[str, ...] = ("b", "h", "n", "e"),
    **sizes: int,
) -> str:
    """Why the attention that `build` writes is not taken."""
    writer = Writer({"b": 2, "h": 3, "g": 2, "n": 5, "d": 4, "e": 7, **sizes})
    q, k, v = (
        Tensor(name, axes, "f32") for name, axes in (("%q", query), ("%k", key), ("%v", value))
    )
    results = build(writer, q, k, v)
    (found,) = found_in(normalised(writer.function([q, k, v, MASK], results)))
    assert isinstance(found, str), found
    return found


def through(work: Callable[[Writer, Tensor], Tensor], axis: str = "n") -> Build:
    """Attention with other work between scores and softmax."""

    def build(writer: Writer, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        scores = work(writer, product(writer, query, key, ("b", "h", "n")))
        weights = softmax(writer, scores, False, axis)
        return [product(writer, weights, value, ("b", "h", "e"))]

    return build


def scalar_work(body: str) -> Build:
    return through(lambda writer, s: writer.generic([s], s.axes, "f32", body))


def test_other_functions_of_scores() -> None:
    assert reason(scalar_work("%r = math.tanh %a : f32")) == (
        "'math.tanh' stands between its scores and the softmax"
    )
    assert reason(scalar_work(SELECTED.format(low=-1e9))) == (
        "'arith.select' stands between its scores and the softmax"
    )


SELECTED = """%low = arith.constant {low} : f32
%z = arith.constant 0.0 : f32
%c = arith.cmpf ogt, %a, %z : f32
%r = arith.select %c, %a, %low : f32"""


def test_a_selection_by_the_scores_themselves_is_no_mask() -> None:
    assert reason(scalar_work(SELECTED.format(low="0xFF800000"))) == (
        "an operand depends on its scores"
    )


def test_softmax_over_other_loops() -> None:
    assert reason(through(lambda writer, scores: scores, axis="h")) == (
        "its softmax runs over other loops than the sum of the weighted values"
    )


def test_masks_that_are_scaled_or_two() -> None:
    def masked(writer: Writer, scores: Tensor) -> Tensor:
        body = "%r = arith.addf %a, %b : f32"
        return writer.generic([scores, MASK], scores.axes, "f32", body)

    assert reason(through(lambda writer, s: writer.scaled(masked(writer, s), 0.5))) == (
        "its mask is added before the scores are scaled"
    )
    assert reason(through(lambda writer, s: masked(writer, masked(writer, s)))) == (
        "two masks are added to its scores"
    )


def test_intermediate_values_that_are_used_elsewhere() -> None:
    def build(writer: Writer, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        weights = softmax(writer, product(writer, query, key, ("b", "h", "n")), False)
        return [product(writer, weights, value, ("b", "h", "e")), weights]

    assert reason(build) == (
        "'linalg.generic' computes an intermediate value, tensor<2x3x5xf32>, that is used"
        " elsewhere too"
    )


def test_softmax_without_its_maximum() -> None:
    def build(writer: Writer, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        scores = product(writer, query, key, ("b", "h", "n"))
        exponentials = writer.generic([scores], scores.axes, "f32", "%r = math.exp %a : f32")
        sums = writer.generic(
            [exponentials], ("b", "h"), "f32", "%r = arith.addf %a, %o : f32", "0.0"
        )
        weights = writer.generic(
            [exponentials, sums], scores.axes, "f32", "%r = arith.divf %a, %b : f32"
        )
        return [product(writer, weights, value, ("b", "h", "e"))]

    assert reason(build) == "its softmax does not subtract the maximum of the scores"


def plain(writer: Writer, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
    scores = product(writer, query, key, ("b", "h", "g", "n"))
    return [product(writer, softmax(writer, scores, False), value, ("b", "h", "g", "e"))]


def test_keys_and_values_that_are_shared_by_different_heads() -> None:
    assert reason(plain, ("b", "h", "g", "d"), ("b", "h", "g", "n", "d")) == (
        "a loop of 2 iterations is in its query and key and result alone"
    )


def test_queries_that_differ_from_position_to_position() -> None:
    assert reason(plain, ("b", "h", "g", "n", "d")) == (
        "its query and its key both differ from position to position"
    )


def test_empty_tensors() -> None:
    assert reason(plain, ("b", "h", "g", "d"), d=0) == "its query is empty, tensor<2x3x2x0xf32>"


def test_dynamic_shapes() -> None:
    text = RandomAttention(
        (1, 3, 1, 11, 4, 7), stored=(tuple("bhgd"), tuple("bhnd"), tuple("bhne"))
    )
    dynamic = text.mlir().replace("x11x", "x?x").replace("(%q:", "(%length: index, %q:")
    dynamic = re.sub(r"empty\(\) : (tensor<[^>]*\?)", r"empty(%length) : \1", dynamic)
    (found,) = found_in(normalised(dynamic))
    assert found == "its key has a dynamic shape, tensor<1x3x?x4xf32>"
