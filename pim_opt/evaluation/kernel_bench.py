"""The published kernel evaluation: every kernel tuned in every way, beside GPU baselines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from pim_opt.cost.host_baseline import paper_seconds, roofline_seconds
from pim_opt.devices import Host, load_device
from pim_opt.evaluation.kernel_points import Point, PointOutcome, evaluate
from pim_opt.evaluation.measurements import Measurements
from pim_opt.evaluation.published import PUBLISHED_CYCLES, SUITES, PublishedCycles, Suite
from pim_opt.tune.model_error import geometric_mean
from pim_opt.tune.sweep import SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch

BASELINES = ("paper", "roofline", "measured")
"""GPU baselines."""


@dataclass(frozen=True)
class Gpu:
    """A GPU and what is known of its times."""

    host: Host
    measurements: Measurements | None = None

    def seconds(self, baseline: str, point: Point) -> float | None:
        """The time of a point's kernel by a baseline; None if that does not know it."""
        if baseline == "paper":
            return paper_seconds(self.host, point.kind, point.shape)
        if baseline == "roofline":
            return roofline_seconds(self.host, point.kind, point.shape)
        return self.measurements and self.measurements.seconds(point.kind, point.shape)


@dataclass(frozen=True)
class KernelResult:
    """A kernel of the evaluation with its outcome."""

    point: Point
    outcome: PointOutcome

    @property
    def published(self) -> PublishedCycles | None:
        """What the published streams take, where that is known."""
        return PUBLISHED_CYCLES.get((self.point.device, self.point.kind), {}).get(self.point.shape)

    def cycles(self, way: str) -> float | None:
        """Simulated cycles of a way; of "bound" the model's bound; None where there is none."""
        if way == "bound":
            return self.outcome.bound
        row = self.outcome.rows.get(way)
        return None if row is None else row.cycles

    def seconds(self, way: str) -> float | None:
        cycles = self.cycles(way)
        return None if cycles is None else cycles * load_device(self.point.device).clock_ps * 1e-12

    def speedup(self, way: str, gpu: Gpu, baseline: str) -> float | None:
        """How many times as fast as the GPU; None where one of the two is not known."""
        ours, theirs = self.seconds(way), gpu.seconds(baseline, self.point)
        return None if ours is None or theirs is None else theirs / ours

    def gap(self) -> float | None:
        """Our cycles over the best published ones, less 1; None where these are not known."""
        known, ours = self.published, self.cycles("joint")
        if known is None or ours is None:
            return None
        return ours / (known.best or known.hand) - 1


@dataclass(frozen=True)
class Means:
    """Speed-ups of one way over all kernels of a device."""

    arithmetic: float
    geometric: float
    best: float


@dataclass(frozen=True)
class KernelBench:
    """All kernels that were run."""

    gpu: Gpu
    results: tuple[KernelResult, ...]
    failed: tuple[str, ...]
    """Kernels that gave an error, and which."""
    complete: bool

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(result.point.device for result in self.results))

    def of(self, device: str) -> tuple[KernelResult, ...]:
        """The results of a device."""
        return tuple(result for result in self.results if result.point.device == device)

    def means(self, device: str, way: str, baseline: str) -> Means | None:
        """Speed-ups over all kernels of a device; None where one is not known."""
        found = [result.speedup(way, self.gpu, baseline) for result in self.of(device)]
        known = [speedup for speedup in found if speedup is not None]
        if not known or len(known) < len(found):
            return None
        return Means(sum(known) / len(known), geometric_mean(known), max(known))

    def slowdown(self, device: str, way: str) -> tuple[float, float] | None:
        """Cycles of a way over those of the joint choice: geometric mean and worst."""
        pairs = [(result.cycles(way), result.cycles("joint")) for result in self.of(device)]
        ratios = [one / joint for one, joint in pairs if one is not None and joint]
        return (geometric_mean(ratios), max(ratios)) if ratios else None


def suite_of(device: str) -> Suite:
    """The suite that a device runs."""
    return next(suite for suite in SUITES if device in suite.devices)


def points(devices: Sequence[str], kinds: Sequence[str] = ()) -> Iterator[Point]:
    """The kernels of these devices, those of some kinds alone if any are named."""
    for device in devices:
        suite = suite_of(device)
        for kind in suite.kinds:
            if not kinds or kind in kinds:
                yield from (Point(device, kind, shape) for shape in suite.shapes(kind))


def run_points(
    wanted: Sequence[Point], gpu: Gpu, options: SweepOptions | None = None
) -> KernelBench:
    """Evaluate kernels.

    Args:
        wanted: no two alike.
        gpu: what to compare with.
        options: how to run; nothing of it changes the results.

    Raises:
        ValueError, OSError: as `sweep`.
    """
    how = replace(options or SweepOptions(), batch=1, watch=Watch("kernels"))
    found = sweep(evaluate, wanted, how)
    return KernelBench(
        gpu,
        tuple(
            KernelResult(one.item, msgspec.convert(one.value, PointOutcome))
            for one in found.outcomes
            if one.error is None
        ),
        tuple(f"{one.item}: {one.error}" for one in found.outcomes if one.error is not None),
        found.complete,
    )
