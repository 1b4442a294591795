"""The tuner of attention: pairs of schedules for its two products, each priced, the best kept."""

import heapq
import time
from collections.abc import Callable, Iterator
from itertools import product
from math import inf

from pim_opt.cost.attention import Pricer, estimate
from pim_opt.cost.attention_mapping import AttentionMapping, context_mapping, score_mapping
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.origins import Origins
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.schedule import Schedule, ScheduleError
from pim_opt.tune.attention_space import AttentionSpace, Spread
from pim_opt.tune.contraction_tuner import Candidate, TuningResult
from pim_opt.tune.objectives import Objective, combined, counts_energy, scored, times_of


def mappings(kernel: Attention, device: Device, lanes: int) -> Iterator[AttentionMapping]:
    """Every pair of schedules of the space that the device can follow."""
    space = AttentionSpace(kernel, device, lanes)
    for spread in space.spreads():
        yield from _pairs(kernel, *_nests(space, spread, kernel, device, lanes))


Nests = tuple[Mapping, ...]


def _nests(
    space: AttentionSpace, spread: Spread, kernel: Attention, device: Device, lanes: int
) -> tuple[Nests, Nests]:
    """The nests of both products under a spread."""
    scores = _legal(score_mapping, kernel, space.scores(spread), device, lanes)
    contexts = _legal(context_mapping, kernel, space.contexts(spread), device, lanes)
    return scores, contexts


def _pairs(kernel: Attention, scores: Nests, contexts: Nests) -> Iterator[AttentionMapping]:
    """Those pairs of nests that go together."""
    for score, context in product(scores, contexts):
        try:
            yield AttentionMapping(kernel, score, context)
        except ScheduleError:
            continue


def _legal(
    bind: Callable[[Attention, Schedule, Device, int], Mapping],
    kernel: Attention,
    schedules: Iterator[Schedule],
    device: Device,
    lanes: int,
) -> Nests:
    """The nests that the device can follow."""
    found: list[Mapping] = []
    for schedule in schedules:
        try:
            found.append(bind(kernel, schedule, device, lanes))
        except ScheduleError:
            continue
    return tuple(found)


def tune_attention(
    kernel: Attention,
    device: Device,
    lanes: int,
    *,
    origins: Origins,
    keep: int = 16,
    objective: Objective = "latency",
) -> TuningResult:
    """The best schedules of attention under the cost model, of all that the space has.

    Args:
        kernel: what to compute.
        device: where.
        lanes: elements in one DRAM column.
        origins: where the query starts, and keys and values.
        keep: how many schedules to return.
        objective: what the best schedule has least of.

    Raises:
        ScheduleError: the device has no attention commands.
    """
    started = time.perf_counter()
    space, best = AttentionSpace(kernel, device, lanes), _Best(keep)
    pruned, pricer = 0, Pricer(origins)
    for spread in space.spreads():
        nests = _nests(space, spread, kernel, device, lanes)
        # The bound is on time; what several groups hold copies of may still save energy.
        if objective == "latency" and space.floor_cycles(spread) > best.worst:
            pruned += len(nests[0]) * len(nests[1])
            continue
        for mapping in _pairs(kernel, *nests):
            best.add(_score(mapping, pricer, objective), mapping)
    candidates = tuple(
        Candidate(mapping.schedule, estimate(mapping, origins), badness)
        for badness, mapping in best.found()
    )
    return TuningResult(candidates, best.seen, pruned, time.perf_counter() - started)


class _Best:
    """The best schedules seen, as many as are to be kept."""

    def __init__(self, keep: int) -> None:
        self.seen = 0
        self._keep = keep
        self._heap: list[tuple[float, int, AttentionMapping]] = []

    @property
    def worst(self) -> float:
        """The score of the worst of them, which a schedule must beat to be among them."""
        return inf if len(self._heap) < self._keep else -self._heap[0][0]

    def add(self, score: float, mapping: AttentionMapping) -> None:
        self.seen += 1
        item = (-score, -self.seen, mapping)
        if len(self._heap) < self._keep:
            heapq.heappush(self._heap, item)
        elif item > self._heap[0]:
            heapq.heapreplace(self._heap, item)

    def found(self) -> list[tuple[float, AttentionMapping]]:
        """Their scores and the schedules, the best first."""
        ranked = sorted(self._heap, key=lambda item: (-item[0], -item[1]))
        return [(-score, mapping) for score, _, mapping in ranked]


def _score(mapping: AttentionMapping, pricer: Pricer, objective: Objective) -> float:
    if counts_energy(objective):
        return scored(objective, estimate(mapping, pricer.origins))
    return combined(objective, times_of(pricer.cycle_parts(mapping)), 0.0)
