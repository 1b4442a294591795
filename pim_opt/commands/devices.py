"""`pimc devices`: list devices, show one, or check a device file."""

import argparse
import json
import sys

from pim_opt.commands.options import add_json_option

_CHECK = "check"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME|FILE|check",
        help="a known device or a device file to show; check: say what is wrong with FILE, what it"
        " runs, and what it leaves open",
    )
    parser.add_argument("file", nargs="?", help="what to check, a device or a device file")
    add_json_option(parser)


def execute(options: argparse.Namespace) -> int:
    """Show or check devices.

    Raises:
        Failure: there is no such device, or its file is wrong.
    """
    from pim_opt import devices_report as report  # noqa: PLC0415
    from pim_opt.devices import DeviceError, load_device  # noqa: PLC0415
    from pim_opt.diagnostics import failure  # noqa: PLC0415

    check, name = options.name == _CHECK, options.name
    if check == (options.file is None):
        usage = f"{_CHECK} needs a FILE" if check else f"unexpected '{options.file}'"
        raise failure(f"{usage}; expected NAME, FILE or {_CHECK} FILE")
    try:
        if check:
            return _check(options.file, options.json)
        if name is None:
            print(json.dumps(report.devices_json()) if options.json else report.devices_text())
            return 0
        device = load_device(name)
    except DeviceError as error:
        raise failure(str(error)) from error
    print(json.dumps(report.device_json(device)) if options.json else report.device_text(device))
    return 0


def _check(name: str, as_json: bool) -> int:
    """Report on a device file; 1 if something is wrong with it."""
    from pim_opt import devices_report as report  # noqa: PLC0415
    from pim_opt.devices import check_device  # noqa: PLC0415

    device, errors = check_device(name)
    for error in errors:
        print(error, file=sys.stderr)
    if not errors:
        print(json.dumps(report.check_json(device)) if as_json else report.check_text(device))
    return 1 if errors else 0
