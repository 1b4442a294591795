"""Why attention stays on the host, though it is recognised."""

import pytest
from attention import normalised
from random_attention import RandomAttention, Tensor, Writer, product, softmax
from xdsl.dialects.linalg import ops as linalg

from pim_opt.kinds import kernel_text
from pim_opt.passes.attention.outlining import find_attention
from pim_opt.passes.offering import Offer, Refusal, Request

GROUPED = (tuple("bhgd"), tuple("bhnd"), tuple("bhne"))


def found_in(text: str, device: str = "attacc") -> Offer | Refusal:
    """What is found of the attention that is in a module."""
    module = normalised(text)
    request = Request(device, None, "dram")
    generics = [op for op in module.walk() if isinstance(op, linalg.GenericOp)]
    (found,) = [one for op in generics if (one := find_attention(op, request)) is not None]
    return found


def reason(text: str, device: str = "attacc") -> str:
    """Why it stays on the host."""
    found = found_in(text, device)
    assert isinstance(found, Refusal)
    assert found.what == "attention is not offloaded as one kernel"
    return found.reason


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
def test_heads_of_more_columns_than_half_an_operand_buffer_holds(device: str) -> None:
    assert isinstance(found_in(kernel_text("attention", (1, 2, 2, 512, 40)), device), Offer)
    assert reason(kernel_text("attention", (1, 2, 2, 513, 40)), device) == (
        "no schedule of it suits the device: 'x' in the order stands where 9 steps are needed at"
        f' once, but device "{device}" has room for 8'
    )
    assert isinstance(found_in(kernel_text("masked-attention", (1, 2, 2, 448, 40))), Offer)
    assert "the ones by which a mask is added" in reason(
        kernel_text("masked-attention", (1, 2, 2, 449, 40))
    )


def test_a_device_without_commands_for_it() -> None:
    text = kernel_text("attention", (1, 2, 2, 8, 40))
    assert reason(text, "hbm-pim") == 'device "hbm-pim" has no attention commands'


def test_more_scores_than_the_softmax_buffer_holds() -> None:
    assert reason(kernel_text("attention", (1, 64, 64, 8, 40_000))) == (
        "no schedule of it suits the device: 2 rows of 2560 entries are in shared at once, and"
        " results move by way of another: 5121 in all, but it has 2048"
    )


def test_a_mask_that_says_nothing_of_positions() -> None:
    case = RandomAttention((1, 2, 1, 20, 8, 8), "f16", "grouped", GROUPED, mask=("h",))
    assert reason(case.mlir()) == "its mask is the same at all positions"


def test_a_guard_of_scores_that_are_rounded() -> None:
    case = RandomAttention(
        (1, 2, 1, 20, 8, 8), "f16", "grouped", GROUPED, mask=("n",), guarded=True
    )
    assert reason(case.mlir()) == (
        "what it says of rows that are masked as a whole depends on how their scores round"
    )


def test_keys_whose_dimensions_are_stored_apart() -> None:
    writer = Writer({"h": 2, "n": 20, "c": 3, "d": 4, "e": 8})
    stored = (("h", "c", "d"), ("h", "d", "n", "c"), ("h", "n", "e"))
    q, k, v = (
        Tensor(name, axes, "f32") for name, axes in zip(("%q", "%k", "%v"), stored, strict=True)
    )
    weights = softmax(writer, product(writer, q, k, ("h", "n")), False)
    text = writer.function([q, k, v], [product(writer, weights, v, ("h", "e"))])
    assert reason(text) == "its keys have 2 dimensions that are stored apart"
