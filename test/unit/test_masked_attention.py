"""Attention with an additive mask on the devices: random masks and shapes, and what is masked."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from attention import Array, function_of
from attention_kernels import check_counts, check_order, schedule_of, started_from
from checked_pipeline import compile_checked
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from random_attention import RandomAttention
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from pim_opt.cost.attention_mapping import AttentionMapping, attention_mapping
from pim_opt.devices import load_device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access, AttentionRole, name_dims
from pim_opt.dialects.schedule import ScheduleError
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.attention.binding import attention_mapping_of
from pim_opt.passes.kernel_access import kernels, shape_of
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.levels import PimLevels
from pim_opt.tune.attention_rule import attention_rule

INPUTS = Path(__file__).parents[1] / "inputs"
LOWEST = float(np.finfo(np.float16).min)


def results(module: ModuleOp, arguments: Sequence[Array]) -> Array:
    """The result of the module's only function, at whatever level it is."""
    evaluator = Evaluator(PimLevels().handlers())
    (result,) = evaluator.evaluate_function(function_of(module), arguments)
    return result


def source(text: str) -> ModuleOp:
    return parse_module(text, "<text>", make_context())


@st.composite
def masked(draw: st.DrawFn) -> RandomAttention:
    """Attention in f16 whose mask has positions and any other loops."""
    b, h, g = draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 4))
    size = draw(st.integers(1, 70))
    n = draw(st.integers(2, max(2, min(120, (1 << 13) // (b * h * g * size)))))
    letters = [*(c for c in "bhg" if draw(st.booleans())), "n"]
    unit = [""] if draw(st.booleans()) else []
    rounds = draw(st.booleans())
    return RandomAttention(
        (b, h, g, n, size, draw(st.integers(1, 70))),
        "f16",
        draw(st.sampled_from(["grouped", "repeated", "tiled"])),
        (tuple("bhgd"), tuple("bhnd"), tuple("bhne")),
        draw(st.booleans()),
        tuple(draw(st.permutations([*letters, *unit]))),
        guarded=not rounds and draw(st.booleans()),
        rounds=rounds,
    )


@settings(max_examples=30)
@given(
    device=st.sampled_from(["attacc", "attacc-ref"]),
    case=masked(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
)
@example(  # more columns of the mask than a row has
    device="attacc",
    case=RandomAttention((2, 17, 1, 560, 3, 3), "f16", "repeated", (), False, ("h", "n")),
    inputs="dram",
    seed=5,
)
def test_every_level_adds_the_mask(
    device: str, case: RandomAttention, inputs: str, seed: int
) -> None:
    module, _ = compile_checked(case.mlir(), device, inputs, partial(schedule_of, seed=seed))
    (kernel,) = kernels(module)
    assert kernel.kind == "attention"
    assert len(kernel.inputs) == 4
    mapping = attention_mapping_of(kernel)
    assert mapping.mask is not None
    event(f"rows of the mask: {min(mapping.mask.rows, 2)}")
    event(f"scores summed over {mapping.score.schedule.sum_level}")
    check_order(module)


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
@given(
    heads=st.tuples(st.integers(1, 5), st.integers(1, 9), st.just(1) | st.integers(1, 4)),
    size=st.integers(1, 40),
    length=st.integers(2, 200),
    inputs=st.sampled_from(["resident", "dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15)
def test_the_program_issues_what_the_model_counts(
    device: str, heads: tuple[int, int, int], size: int, length: int, inputs: str, seed: int
) -> None:
    batch, kv_heads, ratio = heads
    shape = (batch, kv_heads * ratio, kv_heads, size, length)
    check_counts(started_from(shape, inputs, device, "masked-attention"), seed)


def compiled(name: str) -> tuple[func.FuncOp, ModuleOp, ModuleOp]:
    """An export's function, its module, and the module compiled."""
    text = (INPUTS / f"{name}.mlir").read_text()
    before = source(text)
    after, _ = compile_checked(text, "attacc", "dram", narrow_to="f16")
    (kernel,) = kernels(after)
    assert kernel.kind == "attention", "one kernel for all"
    return function_of(before), before, after


def normal(function: func.FuncOp, seed: int) -> list[Array]:
    """Random queries, keys and values, as the function takes them."""
    rng = np.random.default_rng(seed)
    types = list(function.function_type.inputs)[:3]
    dtype = np.float16 if "f16" in str(types[0]) else np.float32
    return [rng.standard_normal(shape_of(type_)).astype(dtype) for type_ in types]


def mask_of(name: str, hidden: Array, low: float) -> Array:
    """The mask that an export takes."""
    takes_truth = name in ("sdpa_bool_mask", "masked_fill")
    return ~hidden if takes_truth else np.where(hidden, low, 0).astype(np.float16)


FORMS = ["hf_eager_mask_f16", "sdpa_mask_f16", "sdpa_bool_mask", "masked_fill"]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("low", [-np.inf, LOWEST])
def test_masked_positions_weigh_nothing(name: str, low: float) -> None:
    function, before, after = compiled(f"attention/{name}")
    query, key, value = normal(function, 1)
    hidden = np.zeros((2, 1, 1, 9), np.bool_)
    hidden[0, ..., 4:], hidden[1, ..., 0] = True, True
    mask = mask_of(name, hidden, low)
    expected = results(before, [query, key, value, mask])
    found = results(after, [query, key, value, mask])
    np.testing.assert_allclose(found, expected, atol=3e-3)
    spoilt = value.copy()
    spoilt[0, :, 4:], spoilt[1, :, 0] = 6e4, -6e4
    np.testing.assert_array_equal(results(after, [query, key, spoilt, mask]), found)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("low", [-np.inf, LOWEST])
def test_rows_that_are_masked_as_a_whole_are_what_the_source_says(name: str, low: float) -> None:
    function, before, after = compiled(f"attention/{name}")
    query, key, value = normal(function, 2)
    hidden = np.zeros((2, 1, 1, 9), np.bool_)
    hidden[0] = True
    mask = mask_of(name, hidden, low)
    expected = results(before, [query, key, value, mask])
    found = results(after, [query, key, value, mask])
    np.testing.assert_allclose(found, expected, atol=3e-3)


def test_a_mask_of_a_wider_range_than_the_units_have() -> None:
    text = RandomAttention(
        (1, 2, 1, 20, 8, 8), "f32", "grouped", (tuple("bhgd"), tuple("bhnd"), tuple("bhne")),
        mask=("n",), rounds=False,
    ).mlir()  # fmt: skip
    after, _ = compile_checked(text, "attacc", "dram", narrow_to="f16")
    rng = np.random.default_rng(3)
    shapes = [(1, 2, 1, 8), (1, 2, 20, 8), (1, 2, 20, 8)]
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    lowest = np.finfo(np.float32).min
    for mask in (np.where(np.arange(20) < 7, 0, lowest), np.full(20, lowest)):
        arguments = [*inputs, mask.astype(np.float32)]
        expected = results(source(text), arguments)
        np.testing.assert_allclose(results(after, arguments), expected, atol=3e-3)


def attention_of_sizes(size: int, mask: Access) -> Attention:
    """Attention of 2 heads and 40 positions."""
    dims = name_dims(
        [(2, AttentionRole.HEAD), (40, AttentionRole.LENGTH), (size, AttentionRole.KEY),
         (size, AttentionRole.VALUE)]
    )  # fmt: skip
    query, key, value, result = map(Access, ((0, 2), (0, 1, 2), (0, 1, 3), (0, 3)))
    return Attention(dims, query, key, value, mask, result)


def hand_mapped(kernel: Attention) -> AttentionMapping:
    device = load_device("attacc")
    return attention_mapping(kernel, attention_rule(kernel, device, 16), device, 16)


def test_a_mask_that_says_nothing_of_positions() -> None:
    with pytest.raises(ScheduleError, match="the mask is the same at all positions"):
        hand_mapped(attention_of_sizes(8, Access((0,))))


def test_a_query_that_leaves_no_room_for_the_ones() -> None:
    hand_mapped(attention_of_sizes(448, Access((1,))))
    with pytest.raises(ScheduleError, match=r"a load fills 8 entries .* room for 7"):
        hand_mapped(attention_of_sizes(512, Access((1,))))
