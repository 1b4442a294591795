"""`pimc run`: compile, execute on data, compare with the host."""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pim_opt.commands.compile import add_file_options, compiled_file
from pim_opt.commands.options import add_length_option, show_remarks

if TYPE_CHECKING:
    from pim_opt.api import KernelReport, RunReport


def add_options(parser: argparse.ArgumentParser) -> None:
    add_file_options(parser)
    add_length_option(parser, "take part in calls")
    parser.add_argument("--seed", type=int, default=0, help="of the random operands")


def execute(options: argparse.Namespace) -> int:
    """Run the file; 1 if its numbers are not the host's.

    Raises:
        Failure: it cannot be compiled or run.
    """
    from pim_opt.api import run  # noqa: PLC0415

    compiled = compiled_file(options)
    if not options.json:
        show_remarks(compiled.remarks, options.file, options.remarks)
    ok = True
    for number, length in enumerate(options.lengths or [None]):
        report = run(compiled, length=length, seed=options.seed)
        ok = ok and report.ok
        if options.json:
            print(json.dumps(report.as_json()))
        else:
            print(run_text(report) if number == 0 else _call_text(report))
    return 0 if ok else 1


def run_text(report: "RunReport") -> str:
    count = len(report.kernels)
    lines = [f"{count} kernel{'s' * (count != 1)} offloaded to {report.device}"]
    for kernel in report.kernels:
        lines += _kernel_text(kernel)
    lines.append(f"host: {_grouped(report.host_ops)}")
    lines.append(_verdict(report))
    if report.order_kept:
        lines.append("issue order keeps all dependences")
    return "\n".join(lines)


def _call_text(report: "RunReport") -> str:
    """A further call of the same programs."""
    times = [f"  {kernel.name}: {_time(kernel)}" for kernel in report.kernels]
    return "\n".join([*times, _verdict(report)])


def _verdict(report: "RunReport") -> str:
    verdict = "agree with the host's" if report.ok else "DIFFER from the host's"
    return (
        f"results {verdict}: largest error {report.max_abs_error:.3g} ({report.max_rel_error:.2g}"
        f" relative), rounding allows {report.tolerance:.3g}"
    )


def _time(kernel: "KernelReport") -> str:
    """What a call took; of a kernel that takes a length, what the model says of it, too."""
    time = f"{kernel.cycles:,} cycles = {kernel.time_ns / 1000:,.3f} us"
    if kernel.length is None or kernel.predicted_cycles is None:
        return time
    return f"length {kernel.length:,}: {time}, predicted {kernel.predicted_cycles:,.0f}"


def _kernel_text(kernel: "KernelReport") -> list[str]:
    shape = ", ".join(f"{name} {size}" for name, size in kernel.shape.items())
    commands = ", ".join(f"{name} {count:,}" for name, count in kernel.commands.items())
    lines = [
        f"  {kernel.name}: {kernel.pattern} {shape}",
        f"    schedule   {kernel.schedule}",
    ]
    if commands:
        lines += [
            f"    commands   {commands}",
            f"    rearranged {kernel.rearranged_bytes:,} bytes a call",
            f"    resident   {kernel.resident_bytes:,} bytes, placed once",
        ]
    lines.append(f"    floor      {kernel.floor_cycles:,} cycles of multiplications")
    if kernel.cycles:
        lines.append(f"    time       {_time(kernel)}")
    return lines


def _grouped(host_ops: Sequence[str]) -> str:
    return ", ".join(host_ops) if host_ops else "nothing"
