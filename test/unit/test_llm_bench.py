"""Language models by the published rules, against the published figures."""

from dataclasses import fields, replace

import msgspec
import pytest

from pim_opt.cost.host_layers import Product, attention_product_seconds, product_seconds
from pim_opt.devices import load_host
from pim_opt.evaluation.llm_bench import RequestResult, kernels_of, results_of
from pim_opt.evaluation.llm_gpu import LayerTimes, fixed_times
from pim_opt.evaluation.llm_kernels import LlmKernel, LlmKernelOutcome, tuned_kernel
from pim_opt.evaluation.llm_models import GPT3_13B, REQUESTS, Request
from pim_opt.evaluation.llm_published import ATTENTION_CYCLES, TUNED_MS, hand_attention_cycles
from pim_opt.evaluation.llm_rules import CORRECTIONS, Rules, only
from pim_opt.evaluation.llm_steps import PimTimes, heads_of_stack, link_seconds, pim_step

HOST = load_host("a100-hbm3")

GPU_MS = (11.2150, 12.0092, 12.8035, 12.1837, 13.7723, 15.3608,
          26.9917, 28.1832, 29.3746, 29.9077, 32.2905, 34.6733)  # fmt: skip
BASE_MS = (10.312, 10.345, 10.375, 10.463, 10.592, 10.720,
           25.698, 25.789, 25.890, 27.465, 27.755, 28.033)  # fmt: skip
FULL_MS = (4.395, 4.398, 4.401, 5.320, 5.332, 5.344,
           10.444, 10.450, 10.457, 13.111, 13.134, 13.157)  # fmt: skip
"""Milliseconds a token of the published twelve points."""


def found_for(*requests: Request, cycles: int) -> dict[LlmKernel, LlmKernelOutcome]:
    """Outcomes in which every kernel takes so many cycles at every length."""
    kernels = [kernels_of("attacc-ref", one.model, one.batch) for one in requests]
    outcome = LlmKernelOutcome("s", cycles, (float(cycles),) * 256)
    return {k: outcome for one in kernels for k in (one.attention, one.qkv, one.projection)}


@pytest.fixture(scope="module")
def results() -> tuple[RequestResult, ...]:
    return results_of(HOST, "attacc-ref", REQUESTS, found_for(*REQUESTS, cycles=1000))


def test_the_gpu_takes_what_is_published(results: tuple[RequestResult, ...]) -> None:
    assert [r.gpu.total * 1e3 for r in results] == pytest.approx(GPU_MS, rel=1e-4)


def test_the_hand_mapping_takes_what_is_published(results: tuple[RequestResult, ...]) -> None:
    # Between measured lengths both are interpolated.
    base = [r.variants["base"].total * 1e3 for r in results]
    full = [r.variants["full"].total * 1e3 for r in results]
    assert base == pytest.approx(BASE_MS, rel=2e-3)
    assert full == pytest.approx(FULL_MS, rel=2e-4)


def test_the_parts_of_a_layer_are_the_published_ones() -> None:
    layer = fixed_times(HOST, GPT3_13B, 1).times(GPT3_13B.layers * 1e3)
    assert layer.qkv == pytest.approx(2.3468, abs=1e-4)
    assert layer.projection == pytest.approx(0.7824, abs=1e-4)
    assert layer.feed_forward == pytest.approx(6.2482, abs=1e-4)
    assert layer.norm == pytest.approx(0.5514, abs=1e-4)
    assert layer.activation == pytest.approx(0.3323, abs=1e-4)


def test_one_block_for_a_head_leaves_processors_idle() -> None:
    one = attention_product_seconds(HOST, Product(1, 2048, 128, 40))
    assert one == pytest.approx(attention_product_seconds(HOST, Product(1, 2048, 128, 108)))
    assert one > product_seconds(HOST, Product(1, 2048, 128, 40))


def test_heads_of_the_fullest_stack() -> None:
    assert sorted({heads_of_stack(r.model, r.batch) for r in REQUESTS}) == list(ATTENTION_CYCLES)


def test_measured_lengths_are_met_and_others_lie_between() -> None:
    assert hand_attention_cycles(8, 512) == 725
    assert 725 < hand_attention_cycles(8, 513) < hand_attention_cycles(8, 639) < 948
    assert hand_attention_cycles(8, 4096) > 4302


GPU = LayerTimes(attention=9.0, softmax=9.0, qkv=3e-6, projection=1e-6, feed_forward=16.52)


def test_the_link_hides_behind_attention() -> None:
    link = link_seconds(HOST, GPT3_13B, 1)
    step = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(2 * link), full=False)
    assert step.link == pytest.approx(link / 40)
    short = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(link / 2), full=False)
    assert short.link == pytest.approx(link - link / 2 * 39 / 40)


def test_the_shorter_of_attention_and_weights_hides_behind_the_longer() -> None:
    long = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(1e-3), full=True)
    assert long.qkv + long.projection == pytest.approx(4e-6 / 40)
    short = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(1e-6), full=True)
    assert short.attention == pytest.approx(1e-6)
    assert short.qkv == pytest.approx(3e-6 - 0.75e-6 * 39 / 40)
    # What is on PIM is priced there, and hides all the same.
    ours = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(1e-6, 2e-6, 2e-6), full=True)
    assert ours.qkv + ours.projection == pytest.approx(4e-6 - 1e-6 * 39 / 40)


def test_feed_forward_layers_are_shared_as_published() -> None:
    step = pim_step(HOST, GPT3_13B, 1, 512, GPU, PimTimes(1e-6), full=True)
    assert step.feed_forward == pytest.approx(GPU.feed_forward * 0.0605, rel=1e-3)


def test_our_kernels_take_the_place_of_the_gpus() -> None:
    request = Request(GPT3_13B, 1, 128, 4)
    result = results_of(HOST, "attacc-ref", [request], found_for(request, cycles=1000))[0]
    ours = result.variants["base + ours"]
    assert ours.qkv == pytest.approx(40 * 1000 * 0.769e-9)
    assert ours.attention == pytest.approx(40 * 1000 * 0.769e-9)
    assert ours.feed_forward == result.gpu.feed_forward
    assert results_of(HOST, "attacc-ref", [request], {}) == ()


def test_attention_holds_for_lengths_up_to_the_next_that_is_priced() -> None:
    outcome = LlmKernelOutcome("s", 3, (1.0, 2.0, 3.0))
    assert [outcome.cycles_at(length) for length in (1, 16, 17, 48)] == [1.0, 1.0, 2.0, 3.0]


EFFECTS = [
    ("split_attention", 1.11, 2.47, 4.77),
    ("head", 1.18, 2.57, 4.84),
    ("link_latency", 1.14, 2.42, 4.29),
    ("launches", 1.17, 2.48, 4.34),
    ("kv_append", 1.17, 2.60, 5.01),
    ("partial_sums", 1.18, 2.62, 4.89),
]
"""Means over the twelve points with one correction: base, full, full with published tilings."""


@pytest.mark.parametrize(("correction", "base", "full", "published"), EFFECTS)
def test_a_correction_does_what_was_found_of_it(
    correction: str, base: float, full: float, published: float
) -> None:
    requests = [replace(request, every=64) for request in REQUESTS]
    found = results_of(
        HOST, "attacc-ref", requests, found_for(*REQUESTS, cycles=1000), only(correction)
    )
    for variant, wanted in (("base", base), ("full", full), ("full + published", published)):
        mean = sum(result.speedup(variant) for result in found) / len(found)
        assert mean == pytest.approx(wanted, abs=0.02)


def test_published_tilings_take_the_token_that_they_were_found_from() -> None:
    for request, wanted in zip(REQUESTS[:3], TUNED_MS["GPT-3 13B", 1], strict=True):
        sparse = replace(request, every=32)
        found = results_of(HOST, "attacc-ref", [sparse], found_for(request, cycles=1000))[0]
        assert found.variants["full + published"].total * 1e3 == pytest.approx(wanted, rel=1e-4)


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    requests = [replace(request, every=512) for request in REQUESTS]
    found = results_of(
        HOST, "attacc-ref", requests, found_for(*REQUESTS, cycles=1000), only("capacity")
    )
    assert [result.refused for result in found[:-1]] == [None] * 11
    assert found[-1].refused == "the GPU alone needs 83.8 of 80 GiB"


def test_layers_go_to_the_faster_side_and_alone_if_they_share_banks() -> None:
    slow = PimTimes(1e-6, 9e-6, 0.5e-6)
    step = pim_step(HOST, GPT3_13B, 1, 512, GPU, slow, full=False, rules=only("dispatch"))
    assert (step.qkv, step.projection) == (GPU.qkv, 0.5e-6)
    alone = pim_step(HOST, GPT3_13B, 1, 512, GPU, slow, full=True, rules=only("no_overlap"))
    assert (alone.qkv, alone.projection) == (9e-6, 0.5e-6)


def test_feed_forward_is_as_fast_as_the_own_kernel() -> None:
    request = Request(GPT3_13B, 1, 128, 4)
    rules = only("feed_forward")
    result = results_of(HOST, "attacc-ref", [request], found_for(request, cycles=7504), rules)[0]
    # 31.5 MB in 5.77 us on each of five stacks, beside the GPU's 3,352 GB/s.
    rate = 2 * 8 * 5120 * 384 / (7504 * 0.769e-9)
    expected = result.gpu.feed_forward / (1 + 5 * rate / 3352e9)
    assert result.variants["full + ours"].feed_forward == pytest.approx(expected)


def test_corrections_are_all_described() -> None:
    assert list(CORRECTIONS) == [field.name for field in fields(Rules)]


def test_a_kernel_is_tuned_and_attention_priced_at_every_length() -> None:
    item = LlmKernel("attacc", "attention", (1, 2, 32, 64))
    found = msgspec.convert(tuned_kernel(item), LlmKernelOutcome)
    assert len(found.lengths) == 4
    assert list(found.lengths) == sorted(found.lengths)
    assert found.lengths[-1] == pytest.approx(found.cycles, rel=0.05)
    small = msgspec.convert(tuned_kernel(LlmKernel("attacc", "gemv", (1, 2, 32, 64))),
                            LlmKernelOutcome)  # fmt: skip
    assert small.lengths == ()
