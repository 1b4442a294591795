"""`pimc explain`: where a kernel's time goes, and why other schedules lose."""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from pim_opt.commands.options import add_json_option
from pim_opt.commands.tune import add_kernel_options, reports, title

if TYPE_CHECKING:
    from pim_opt.explanation import Alternative, Explanation


def add_options(parser: argparse.ArgumentParser) -> None:
    add_kernel_options(parser)
    add_json_option(parser)


def execute(options: argparse.Namespace) -> int:
    """Tune what is named, or evaluate the schedule that is given, and explain it.

    Raises:
        Failure: a kernel cannot be tuned; those before it have been shown.
    """
    from pim_opt.explanation import explain  # noqa: PLC0415

    # A record keeps the best schedule alone, and here the others are asked for.
    for report in reports(options, records=None):
        found = explain(report)
        print(json.dumps(found.as_json()) if options.json else explanation_text(found), flush=True)
    return 0


def explanation_text(found: "Explanation") -> str:
    """The explanation for people."""
    report = found.report
    lines = [
        title(report),
        f"  schedule   {report.schedule}",
        f"  simulated  {report.best.cycles:,.0f} cycles",
        f"  predicted  {report.best.estimate.cycles:,.0f} cycles",
        *_breakdown(found),
        f"  bottleneck {found.bottleneck}",
        *_bound(found),
        *_alternatives("next best, simulated", found.alternatives),
    ]
    if found.as_good:
        lines.append(f"    {found.as_good} more are as good, part by part")
    lines += _alternatives("one decision changed, predicted", found.neighbours)
    lines.append("  assumed")
    lines += [f"    {assumption}" for assumption in found.assumptions]
    return "\n".join(lines)


def _breakdown(found: "Explanation") -> Iterator[str]:
    """The model's parts and the simulator's causes side by side."""
    from pim_opt.explanation import CAUSES, MODEL_PARTS  # noqa: PLC0415

    breakdown = found.report.breakdown
    model = [f"{c:>9,.0f}  {MODEL_PARTS[n]}" for n, c in breakdown["model"].items() if c]
    causes = [f"{c:>9,.0f}  {CAUSES[n]}" for n, c in breakdown["simulated"].items() if c]
    width = max(map(len, model), default=0) + 2
    yield f"    {'model':>9}{'':<{width - 9}}{'simulator':>9}"
    for left, right in zip_longest(model, causes, fillvalue=""):
        yield f"    {left:<{width}}{right}".rstrip()


def _bound(found: "Explanation") -> Iterator[str]:
    bound, cycles = found.report.bound, found.report.best.cycles
    yield (
        f"  bound      {bound.cycles:,.0f} cycles = multiplications {bound.multiply:,.0f} + row"
        f" switches {bound.rows:,.0f} + refresh {bound.refresh:,.0f}; the schedule takes"
        f" {cycles / bound.cycles:.2f} times as long"
    )


def _alternatives(title: str, alternatives: "Sequence[Alternative]") -> Iterator[str]:
    if not alternatives:
        return
    yield f"  {title}"
    for other in alternatives:
        sign = "+" if other.extra_cycles >= 0 else ""
        yield f"    {sign}{other.extra_cycles:,.0f} cycles: {other.text}"
        yield f"        {other.reason}"
