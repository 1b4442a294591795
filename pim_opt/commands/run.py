"""`pimc run`: compile, execute on data, compare with the host."""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pim_opt.commands.compile import add_file_options, compiled_file
from pim_opt.commands.options import show_remarks

if TYPE_CHECKING:
    from pim_opt.api import KernelReport, RunReport


def add_options(parser: argparse.ArgumentParser) -> None:
    add_file_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the random operands")


def execute(options: argparse.Namespace) -> int:
    """Run the file; 1 if its numbers are not the host's.

    Raises:
        Failure: it cannot be compiled or run.
    """
    from pim_opt.api import run  # noqa: PLC0415

    report = run(compiled_file(options), seed=options.seed)
    if options.json:
        print(json.dumps(report.as_json()))
    else:
        show_remarks(report.remarks, options.file, options.remarks)
        print(run_text(report))
    return 0 if report.ok else 1


def run_text(report: "RunReport") -> str:
    count = len(report.kernels)
    lines = [f"{count} kernel{'s' * (count != 1)} offloaded to {report.device}"]
    for kernel in report.kernels:
        lines += _kernel_text(kernel)
    lines.append(f"host: {_grouped(report.host_ops)}")
    verdict = "agree with the host's" if report.ok else "DIFFER from the host's"
    lines.append(
        f"results {verdict}: largest error {report.max_abs_error:.3g} ({report.max_rel_error:.2g}"
        f" relative), rounding allows {report.tolerance:.3g}"
    )
    if report.order_kept:
        lines.append("issue order keeps all dependences")
    return "\n".join(lines)


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
        lines.append(f"    time       {kernel.cycles:,} cycles = {kernel.time_ns / 1000:,.3f} us")
    return lines


def _grouped(host_ops: Sequence[str]) -> str:
    return ", ".join(host_ops) if host_ops else "nothing"
