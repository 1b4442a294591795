"""The tuner of attention: pairs of schedules for its two products, each priced, the best kept."""

import heapq
import time
from collections.abc import Callable, Iterator
from itertools import product

from pim_opt.cost.attention import Pricer, estimate
from pim_opt.cost.attention_mapping import AttentionMapping, context_mapping, score_mapping
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.origins import Origins
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.schedule import Schedule, ScheduleError
from pim_opt.tune.attention_space import AttentionSpace
from pim_opt.tune.contraction_tuner import Candidate, TuningResult
from pim_opt.tune.objectives import Objective, combined


def mappings(kernel: Attention, device: Device, lanes: int) -> Iterator[AttentionMapping]:
    """Every pair of schedules of the space that the device can follow."""
    space = AttentionSpace(kernel, device, lanes)
    for heads in space.heads():
        scores = _legal(score_mapping, kernel, space.scores(heads), device, lanes)
        contexts = _legal(context_mapping, kernel, space.contexts(heads), device, lanes)
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
) -> tuple[Mapping, ...]:
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
    priced, pricer = 0, Pricer(origins)
    best: list[tuple[float, int, AttentionMapping]] = []
    for mapping in mappings(kernel, device, lanes):
        priced += 1
        score = _score(mapping, pricer, objective)
        item = (-score, -priced, mapping)
        if len(best) < keep:
            heapq.heappush(best, item)
        elif item > best[0]:
            heapq.heapreplace(best, item)
    found = sorted(best, key=lambda item: (-item[0], -item[1]))
    candidates = tuple(
        Candidate(mapping.schedule, estimate(mapping, origins), -badness)
        for badness, _, mapping in found
    )
    return TuningResult(candidates, priced, 0, time.perf_counter() - started)


def _score(mapping: AttentionMapping, pricer: Pricer, objective: Objective) -> float:
    if objective == "latency":
        return pricer.cycle_parts(mapping).cycles
    found = estimate(mapping, pricer.origins)
    return combined(objective, found.cycles, found.energy_pj)
