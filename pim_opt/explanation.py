"""Where a kernel's time goes under a schedule, and what other decisions would have cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp
from pim_opt.passes.kernel_access import device_of
from pim_opt.passes.kernel_tuning import Choice, predicted
from pim_opt.tune.neighbours import neighbours
from pim_opt.tuning import TuneReport

LEAST_DIFFERENCE = 0.5
"""Cycles of a part that are worth a word."""

MODEL_PARTS = {
    "host_read": "the host reads streamed operands from DRAM",
    "load": "multiplications wait for the vector to load",
    "multiply": "multiplications",
    "rows": "multiplications wait for rows to open",
    "move": "results move out",
    "host_write": "the host writes results to DRAM",
    "refresh": "refreshes",
}
"""Parts of the cost model, in words."""

CAUSES = {
    "mac": "multiplications",
    "row": "rows open and close",
    "operand_load": "the vector loads",
    "result_move": "results move out",
    "host": "the host reads and writes DRAM",
    "refresh": "refreshes",
    "barrier": "barriers",
    "other": "other",
}
"""What the simulator says that cycles were spent on, in words."""


@dataclass(frozen=True)
class Alternative:
    """Another schedule and why it is no better."""

    text: str
    """What is different about it, or the schedule itself."""
    choice: Choice
    extra_cycles: float
    """Compared with the best: simulated if both are, else predicted."""
    grown: dict[str, float]
    """Cycles of the model's parts that are more than the best's, largest first."""
    shrunk: dict[str, float]

    @property
    def reason(self) -> str:
        """Which parts grew and which shrank, in words."""
        more = [f"{name} +{cycles:,.0f}" for name, cycles in self.grown.items()]
        less = [f"{name} {cycles:,.0f}" for name, cycles in self.shrunk.items()]
        return ", ".join(more + less) or "no part differs"


@dataclass(frozen=True)
class Explanation:
    """A kernel's best schedule, taken apart."""

    report: TuneReport
    bottleneck: str
    alternatives: tuple[Alternative, ...]
    """The next best of the search and the hand mapping, those that are as good left out."""
    as_good: int
    """Schedules of the search whose parts are the same."""
    neighbours: tuple[Alternative, ...]
    """One decision changed each, nearest first."""
    assumptions: tuple[str, ...]
    """What the device file assumes."""

    def as_json(self) -> dict[str, object]:
        """The explanation, ready for json.dumps."""
        bound = self.report.bound
        return {
            **self.report.as_json(),
            "bottleneck": self.bottleneck,
            "bound": {"multiply": bound.multiply, "rows": bound.rows, "refresh": bound.refresh},
            "as_good": self.as_good,
            "alternatives": [_json(a) for a in self.alternatives],
            "neighbours": [_json(a) for a in self.neighbours],
            "assumptions": list(self.assumptions),
        }


def _json(alternative: Alternative) -> dict[str, object]:
    return {
        "what": alternative.text,
        "schedule": str(alternative.choice.schedule),
        "extra_cycles": round(alternative.extra_cycles, 1),
        "reason": alternative.reason,
    }


def explain(report: TuneReport, *, shown: int = 4) -> Explanation:
    """Take a tuned kernel apart.

    Args:
        report: of `tune`.
        shown: alternatives and neighbours to give, at most.
    """
    best = report.best
    others = [_alternative(str(c.schedule), best, c) for c in report.others]
    if report.baseline is not None and report.baseline.schedule != best.schedule:
        others = [o for o in others if o.choice.schedule != report.baseline.schedule]
        others.append(_alternative("the hand mapping", best, report.baseline))
    different = [o for o in others if o.grown or o.shrunk or o.extra_cycles]
    kept = different[: shown - 1] + different[shown - 1 :][-1:]
    near = sorted(_neighbours(report.kernel, best), key=lambda a: a.extra_cycles)
    return Explanation(
        report,
        _bottleneck(best),
        tuple(kept),
        len(others) - len(different),
        tuple(near[:shown]),
        _assumptions(report.kernel),
    )


def _neighbours(kernel: KernelOp, best: Choice) -> Iterator[Alternative]:
    """Neighbours that the device can follow and that differ in time, by what the model says."""
    seen: set[tuple[float, ...]] = set()
    for text, schedule in neighbours(best.schedule):
        try:
            choice = predicted(kernel, schedule)
        except DiagnosticError:
            continue
        found = _alternative(text, Choice(best.schedule, best.estimate), choice)
        parts = tuple(choice.estimate.parts.as_dict().values())
        if (found.grown or found.shrunk) and parts not in seen:
            seen.add(parts)
            yield found


def _alternative(text: str, best: Choice, other: Choice) -> Alternative:
    mine, theirs = best.estimate.parts.as_dict(), other.estimate.parts.as_dict()
    differences = {name: theirs[name] - mine[name] for name in mine}
    ordered = sorted(differences.items(), key=lambda item: -abs(item[1]))
    both = best.result is not None and other.result is not None
    extra = other.cycles - best.cycles if both else other.estimate.cycles - best.estimate.cycles
    return Alternative(
        text,
        other,
        extra,
        {name: cycles for name, cycles in ordered if cycles > LEAST_DIFFERENCE},
        {name: cycles for name, cycles in ordered if cycles < -LEAST_DIFFERENCE},
    )


def _bottleneck(best: Choice) -> str:
    """The largest cause by the simulator, or by the model where that was not asked."""
    if best.result is not None:
        name, cycles = max(best.result.breakdown.items(), key=lambda item: item[1])
        return f"{CAUSES[name]} ({cycles / best.cycles:.0%} of the time)"
    name, part = max(best.estimate.parts.as_dict().items(), key=lambda item: item[1])
    return f"{MODEL_PARTS[name]} ({part / best.cycles:.0%} of the time)"


def _assumptions(kernel: KernelOp) -> tuple[str, ...]:
    device = device_of(kernel)
    registers = (f"{n}: {r.assumption}" for n, r in device.registers.items() if r.assumption)
    controller = [device.controller.assumption] if device.controller.assumption else []
    return (*registers, *controller, *device.assumptions)
