"""`pimc devices`: list devices, or show one."""

import argparse
import json

from pim_opt.commands.options import add_json_option


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a known device, or the path of a device file")
    add_json_option(parser)


def execute(options: argparse.Namespace) -> int:
    """Show devices.

    Raises:
        Failure: there is no such device, or its file is wrong.
    """
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
