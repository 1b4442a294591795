"""`pimc`: the user's tool. Compiles kernels for a PIM device, runs them, and says what happened."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pim_opt.api import Compiled, KernelReport, RunReport
    from pim_opt.diagnostics import Diagnostic


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pimc", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="compile, execute on data, compare with the host")
    _add_compile_options(run)
    run.add_argument("--seed", type=int, default=0, help="of the random operands")
    compile_ = commands.add_parser("compile", help="compile to command programs and write the IR")
    _add_compile_options(compile_)
    compile_.add_argument("-o", dest="output", default="-", help="where to write the IR")
    simulate = commands.add_parser("simulate", help="time traces and command programs")
    simulate.add_argument(
        "files", nargs="+", metavar="FILE", help="a trace, or MLIR (.mlir): programs, or compiled"
    )
    simulate.add_argument(
        "--device", help="name or file (default: that of the programs, else attacc)"
    )
    _add_schedule_options(simulate)
    simulate.add_argument(
        "--timeline", metavar="OUT.json", help="write the commands as a Chrome trace (Perfetto)"
    )
    devices = commands.add_parser("devices", help="list devices, or show one")
    devices.add_argument("name", nargs="?", help="a known device, or the path of a device file")
    devices.add_argument("--json", action="store_true", help="as JSON on one line")
    return parser


def _add_compile_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="MLIR: linalg on tensors, as torch-mlir prints it")
    parser.add_argument("--device", default="attacc", help="name or file (default: attacc)")
    _add_schedule_options(parser)


def _add_schedule_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schedule", help="one line of text, or 'baseline'; by default a rule of thumb"
    )
    parser.add_argument(
        "--narrow-to",
        choices=("f16", "bf16"),
        help="round f32 contractions to this type, so that they can be offloaded",
    )
    parser.add_argument(
        "--inputs",
        choices=("dram", "host"),
        default="dram",
        help="where streamed operands start (default: dram)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON on one line")


def _compile(options: argparse.Namespace) -> "Compiled":
    from pim_opt.api import compile  # noqa: PLC0415

    return compile(
        Path(options.file),
        device=options.device,
        schedule=options.schedule,
        narrow_to=options.narrow_to,
        inputs=options.inputs,
    )


def _run(options: argparse.Namespace) -> int:
    from pim_opt.api import run  # noqa: PLC0415

    report = run(_compile(options), seed=options.seed)
    if options.json:
        print(json.dumps(report.as_json()))
    else:
        _show_remarks(report.remarks, options.file)
        print(_run_text(report))
    return 0 if report.ok else 1


def _run_text(report: "RunReport") -> str:
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


def _show_remarks(remarks: "Sequence[Diagnostic]", file: str) -> None:
    sources = {file: Path(file).read_text(encoding="utf-8")}
    for remark in remarks:
        print(remark.render(sources), file=sys.stderr)


def _compile_command(options: argparse.Namespace) -> int:
    compiled = _compile(options)
    if options.json:
        from dataclasses import asdict  # noqa: PLC0415

        kernels = [asdict(kernel) for kernel in compiled.kernels]
        print(json.dumps({"device": compiled.device, "kernels": kernels,
                          "host_ops": compiled.host_ops}))  # fmt: skip
    else:
        _show_remarks(compiled.remarks, options.file)
    if options.output != "-":
        Path(options.output).write_text(f"{compiled}\n", encoding="utf-8")
    elif not options.json:
        print(compiled)
    return 0


def _devices(options: argparse.Namespace) -> int:
    from pim_opt import devices_report as report  # noqa: PLC0415
    from pim_opt.devices import DeviceError, load_device  # noqa: PLC0415
    from pim_opt.diagnostics import failure  # noqa: PLC0415

    if options.name is None:
        print(json.dumps(report.devices_json()) if options.json else report.devices_text())
        return 0
    try:
        device = load_device(options.name)
    except DeviceError as error:
        raise failure(str(error)) from error
    if options.json:
        print(json.dumps(report.device_json(device)))
    else:
        print(report.device_text(device))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pimc` with `argv`; exit code 0, 1 for an error or wrong numbers, 2 for wrong usage."""
    options = _parser().parse_args(argv)
    from pim_opt.diagnostics import Failure  # noqa: PLC0415

    try:
        match options.command:
            case "run":
                return _run(options)
            case "compile":
                return _compile_command(options)
            case "simulate":
                from pim_opt.simulate_command import simulate_command  # noqa: PLC0415

                return simulate_command(options)
            case _:
                return _devices(options)
    except Failure as error:
        if options.debug:
            raise
        file: str | None = getattr(options, "file", None)
        known = file is not None and Path(file).is_file() and error.diagnostic.place is not None
        sources = {file: Path(file).read_text(encoding="utf-8")} if file and known else {}
        print(error.diagnostic.render(sources), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
