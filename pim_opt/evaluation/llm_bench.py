"""The language-model evaluation by the published rules: the GPU, and PIM with two mappings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from pim_opt.devices import Host, load_device
from pim_opt.evaluation.llm_gpu import LayerTimes, gpu_steps, token_times
from pim_opt.evaluation.llm_kernels import LENGTH_STEP, LlmKernel, LlmKernelOutcome, tuned_kernel
from pim_opt.evaluation.llm_models import HEAD_SIZE, REQUESTS, Model, Request
from pim_opt.evaluation.llm_paper_rules import PimTimes, heads_of_stack, pim_step
from pim_opt.evaluation.llm_published import CLOCK_S, hand_attention_cycles
from pim_opt.tune.sweep import SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch

VARIANTS = ("base", "full", "base + ours", "full + ours")
"""Attention on PIM; and pipelined, with feed-forward layers shared; each by the hand mapping, and
with our schedules of attention, QKV and projection, QKV and projection on PIM, too."""

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

    def speedup(self, variant: str) -> float:
        """How many times as fast as the GPU."""
        return self.gpu.total / self.variants[variant].total


@dataclass(frozen=True)
class LlmBench:
    """The published twelve points."""

    host: Host
    device: str
    kernels: dict[LlmKernel, LlmKernelOutcome]
    results: tuple[RequestResult, ...]
    failed: tuple[str, ...]
    complete: bool

    def speedups(self, variant: str) -> tuple[float, ...]:
        """Of all points, in order."""
        return tuple(result.speedup(variant) for result in self.results)


@dataclass(frozen=True)
class _Evaluation:
    """One request under way."""

    host: Host
    request: Request
    ours: Kernels
    found: dict[LlmKernel, LlmKernelOutcome]

    @cached_property
    def _gpu(self) -> list[LayerTimes]:
        return gpu_steps(self.host, self.request)

    def result(self) -> RequestResult:
        """The GPU and every variant."""
        variants = {
            name: self._token(ours="ours" in name, full=name.startswith("full"))
            for name in VARIANTS
        }
        return RequestResult(self.request, token_times(self.request, self._gpu), variants)

    def _token(self, *, ours: bool, full: bool) -> LayerTimes:
        model, batch = self.request.model, self.request.batch
        steps = [
            pim_step(self.host, model, batch, length, gpu, self._pim(length, ours=ours), full=full)
            for length, gpu in zip(self.request.lengths, self._gpu, strict=True)
        ]
        return token_times(self.request, steps)

    def _pim(self, length: int, *, ours: bool) -> PimTimes:
        if ours:
            attention, qkv, projection = (
                self.found[kernel]
                for kernel in (self.ours.attention, self.ours.qkv, self.ours.projection)
            )
            clock = load_device(self.ours.attention.device).clock_ps * 1e-12
            cycles = (attention.cycles_at(length), qkv.cycles, projection.cycles)
            return PimTimes(*(clock * number for number in cycles))
        heads = heads_of_stack(self.request.model, self.request.batch)
        whole = -(-length // LENGTH_STEP) * LENGTH_STEP
        return PimTimes(CLOCK_S * hand_attention_cycles(heads, whole))


def _wanted(device: str, requests: Sequence[Request]) -> Iterator[LlmKernel]:
    for request in requests:
        kernels = kernels_of(device, request.model, request.batch)
        yield from (kernels.qkv, kernels.projection, kernels.attention)


def run_llm(
    host: Host,
    device: str,
    options: SweepOptions | None = None,
    requests: Sequence[Request] = REQUESTS,
) -> LlmBench:
    """Tune the kernels of the requests and evaluate them by the published rules.

    Args:
        host: the GPU.
        device: the stack.
        options: how to run; nothing of it changes the results.
        requests: of which models and sizes.

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
    results = results_of(host, device, requests, found)
    return LlmBench(host, device, found, results, failed, outcome.complete)


def results_of(
    host: Host,
    device: str,
    requests: Sequence[Request],
    found: dict[LlmKernel, LlmKernelOutcome],
) -> tuple[RequestResult, ...]:
    """The requests all of whose kernels are known, in order.

    Args:
        host: the GPU.
        device: the stack.
        requests: of which models and sizes.
        found: what kernels take.
    """
    results: list[RequestResult] = []
    for request in requests:
        ours = kernels_of(device, request.model, request.batch)
        if all(kernel in found for kernel in (ours.attention, ours.qkv, ours.projection)):
            results.append(_Evaluation(host, request, ours, found).result())
    return tuple(results)
