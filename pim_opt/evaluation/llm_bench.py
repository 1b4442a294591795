"""The language-model evaluation: the GPU, and PIM with the published mappings and with ours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from pim_opt.devices import Host, load_device
from pim_opt.evaluation.llm_gpu import LayerTimes, gpu_steps, token_times
from pim_opt.evaluation.llm_kernels import LENGTH_STEP, LlmKernel, LlmKernelOutcome, tuned_kernel
from pim_opt.evaluation.llm_models import HEAD_SIZE, LENGTHS, REQUESTS, Model, Request
from pim_opt.evaluation.llm_published import CLOCK_S, TUNED_MS, hand_attention_cycles
from pim_opt.evaluation.llm_rules import (
    PAPER,
    PIM_GIB,
    Rules,
    corrected_gpu,
    memory_need,
    weight_rate,
)
from pim_opt.evaluation.llm_steps import PimTimes, gained_share, heads_of_stack, pim_step
from pim_opt.tune.sweep import SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch

VARIANTS = ("base", "full", "full + published", "base + ours", "full + ours")
"""Base: attention on PIM. Full: pipelined, and feed-forward layers shared. By the hand mapping; or
with QKV and projection on PIM, too, by published tilings, or by our schedules with attention."""

LONGEST = 4096
"""Positions that the schedule of attention is made for."""


@dataclass(frozen=True)
class Kernels:
    """The kernels of one stack for a model and a batch."""

    attention: LlmKernel
    qkv: LlmKernel
    projection: LlmKernel


def kernels_of(device: str, model: Model, batch: int) -> Kernels:
    """The kernels of the published rules: each head of each request has matrices of its own."""
    heads, hidden = heads_of_stack(model, batch), model.hidden
    return Kernels(
        LlmKernel(device, "attention", (1, heads, HEAD_SIZE, LONGEST)),
        LlmKernel(device, "gemv", (1, heads, hidden, 3 * HEAD_SIZE)),
        LlmKernel(device, "gemv", (1, heads, HEAD_SIZE, hidden)),
    )


@dataclass(frozen=True)
class RequestResult:
    """Seconds of a token of one request."""

    request: Request
    gpu: LayerTimes
    variants: dict[str, LayerTimes]
    """By VARIANTS."""
    refused: str | None
    """What does not fit, if that is looked at."""

    def speedup(self, variant: str) -> float:
        """How many times as fast as the GPU."""
        return self.gpu.total / self.variants[variant].total


@dataclass(frozen=True)
class LlmBench:
    """The published twelve points."""

    host: Host
    device: str
    kernels: dict[LlmKernel, LlmKernelOutcome]
    rules: Rules
    results: tuple[RequestResult, ...]
    failed: tuple[str, ...]
    complete: bool

    def under(self, rules: Rules, every: int = 1) -> "LlmBench":
        """The same kernels by other rules, at one of so many lengths."""
        requests = [replace(result.request, every=every) for result in self.results]
        found = results_of(self.host, self.device, requests, self.kernels, rules)
        return replace(self, rules=rules, results=found)

    def speedups(self, variant: str) -> tuple[float, ...]:
        """Of all points that are not refused, in order."""
        return tuple(r.speedup(variant) for r in self.results if r.refused is None)


@dataclass(frozen=True)
class _Evaluation:
    """One request under way."""

    host: Host
    request: Request
    ours: Kernels
    found: dict[LlmKernel, LlmKernelOutcome]
    rules: Rules

    @cached_property
    def _published_gpu(self) -> list[LayerTimes]:
        return gpu_steps(self.host, self.request)

    @cached_property
    def _gpu(self) -> list[LayerTimes]:
        pairs = zip(self.request.lengths, self._published_gpu, strict=True)
        return [corrected_gpu(self.host, self.request, n, gpu, self.rules) for n, gpu in pairs]

    def result(self) -> RequestResult:
        """The GPU and every variant."""
        gpu = token_times(self.request, self._gpu)
        variants = {name: self._token(name) for name in VARIANTS}
        refused = self._refused() if self.rules.capacity else None
        return RequestResult(self.request, gpu, variants, refused)

    def _token(self, variant: str) -> LayerTimes:
        model, batch = self.request.model, self.request.batch
        full, system = variant.startswith("full"), variant.rpartition("+ ")[2]
        steps = [
            pim_step(
                self.host,
                model,
                batch,
                length,
                gpu,
                self._pim(system, length),
                full=full,
                rules=self.rules,
            )
            for length, gpu in zip(self.request.lengths, self._gpu, strict=True)
        ]
        return token_times(self.request, steps)

    def _pim(self, system: str, length: int) -> PimTimes:
        if system == "ours":
            attention = self._clock * self.found[self.ours.attention].cycles_at(length)
            qkv, projection = (
                self._clock * self.found[kernel].cycles
                for kernel in (self.ours.qkv, self.ours.projection)
            )
            return self._with_rate(PimTimes(attention, qkv, projection))
        whole = -(-length // LENGTH_STEP) * LENGTH_STEP
        hand = CLOCK_S * hand_attention_cycles(self._heads, whole)
        if system != "published":
            return replace(PimTimes(hand), feed_forward_rate=self._hand_rate)
        return self._with_rate(PimTimes(hand, 0.75 * self._weights, 0.25 * self._weights))

    @property
    def _heads(self) -> int:
        return heads_of_stack(self.request.model, self.request.batch)

    @cached_property
    def _clock(self) -> float:
        return load_device(self.ours.attention.device).clock_ps * 1e-12

    @property
    def _hand_rate(self) -> float:
        """The hand mapping has no QKV on PIM; it is given the published tilings' rate."""
        return self._with_rate(PimTimes(0.0, 0.75 * self._weights)).feed_forward_rate

    def _with_rate(self, pim: PimTimes) -> PimTimes:
        """The kernels with the rate of feed-forward layers that the rules give them."""
        if not self.rules.feed_forward or pim.qkv is None:
            return pim
        rate = weight_rate(self.request.model, self._heads, pim.qkv)
        return replace(pim, feed_forward_rate=rate)

    @cached_property
    def _weights(self) -> float:
        """Seconds of QKV and projection by the published tilings."""
        return published_weights(self.host, self.request, self._published_gpu)

    def _refused(self) -> str | None:
        """What of the request does not fit, with its size."""
        gained = gained_share(self.host, self._pim("ours", 1).feed_forward_rate, self.request.batch)
        need = memory_need(self.request, weights=True, share=gained / (1 + gained))
        if need.gpu > self.host.memory_gib:
            return f"the GPU alone needs {need.gpu:.1f} of {self.host.memory_gib:g} GiB"
        if need.pim > PIM_GIB:
            return f"the stacks need {need.pim:.1f} of {PIM_GIB:g} GiB"
        return None


def published_weights(host: Host, request: Request, gpu: Sequence[LayerTimes]) -> float:
    """Seconds a layer of QKV and projection by the published tilings, on PIM.

    They follow from the time of a token of "full", which hides all of attention but one head's.
    """
    lengths = (request.input_length, request.output_length)
    nearest = LENGTHS.index(lengths) if lengths in LENGTHS else 0
    token = TUNED_MS[request.model.name, request.batch][nearest] * 1e-3
    heads = heads_of_stack(request.model, request.batch)
    hand = [
        PimTimes(CLOCK_S * hand_attention_cycles(heads, length), 1.0, 1.0)
        for length in request.lengths
    ]
    steps = [
        pim_step(host, request.model, request.batch, length, layer, pim, full=True)
        for length, layer, pim in zip(request.lengths, gpu, hand, strict=True)
    ]
    return token / request.model.layers - (sum(s.total for s in steps) / len(steps) - 2.0)


def _wanted(device: str, requests: Sequence[Request]) -> Iterator[LlmKernel]:
    for request in requests:
        kernels = kernels_of(device, request.model, request.batch)
        yield from (kernels.qkv, kernels.projection, kernels.attention)


def run_llm(
    host: Host,
    device: str,
    options: SweepOptions | None = None,
    requests: Sequence[Request] = REQUESTS,
    rules: Rules = PAPER,
) -> LlmBench:
    """Tune the kernels of the requests and evaluate them.

    Args:
        host: the GPU.
        device: the stack.
        options: how to run; nothing of it changes the results.
        requests: of which models and sizes.
        rules: what is charged.

    Raises:
        ValueError, OSError: as `sweep`.
    """
    wanted = list(dict.fromkeys(_wanted(device, requests)))
    how = replace(options or SweepOptions(), batch=1, watch=Watch("kernels"))
    outcome = sweep(tuned_kernel, wanted, how)
    found = {
        one.item: msgspec.convert(one.value, LlmKernelOutcome)
        for one in outcome.outcomes
        if one.error is None
    }
    failed = tuple(f"{o.item}: {o.error}" for o in outcome.outcomes if o.error is not None)
    results = results_of(host, device, requests, found, rules)
    return LlmBench(host, device, found, rules, results, failed, outcome.complete)


def results_of(
    host: Host,
    device: str,
    requests: Sequence[Request],
    found: dict[LlmKernel, LlmKernelOutcome],
    rules: Rules = PAPER,
) -> tuple[RequestResult, ...]:
    """The requests all of whose kernels are known, in order.

    Args:
        host: the GPU.
        device: the stack.
        requests: of which models and sizes.
        found: what kernels take.
        rules: what is charged.
    """
    results: list[RequestResult] = []
    for request in requests:
        ours = kernels_of(device, request.model, request.batch)
        if all(kernel in found for kernel in (ours.attention, ours.qkv, ours.projection)):
            results.append(_Evaluation(host, request, ours, found, rules).result())
    return tuple(results)
