"""The commands of the host's accesses around a contraction, on all groups."""

from pim_opt.cost.host_accesses import HostAccesses, host_columns
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode

Counts = dict[str, int]


def host_work(accesses: HostAccesses, mode: ContractionMode, rows: str) -> tuple[Counts, Counts]:
    """Commands issued, and activations by the name of the command that opens the row.

    Args:
        accesses: what is read and written.
        mode: the commands of the nest.
        rows: how the schedule opens the rows that results are written to.
    """
    device, host = accesses.device, accesses.device.kernels.host
    written = accesses.written_columns
    opener, _ = device.row_commands(())
    commands = {host.write: written} if written else {}
    activations = {opener: 0}
    for columns in accesses.read_columns:
        commands[host.read] = commands.get(host.read, 0) + columns
        activations[opener] += bank_rows(device, columns)
    if rows != "all" or not written:
        activations[opener] += bank_rows(device, written)
        return commands, activations
    # Multiplications open the rows, in all banks at once.
    in_row = device.cores * device.columns
    commands[mode.multiply] = sum(
        -(-host_columns(written, device, group) // in_row) for group in range(device.groups)
    )
    all_opener, _ = device.row_commands(device.commands[mode.multiply].spans)
    activations[all_opener] = activations.get(all_opener, 0) + commands[mode.multiply]
    return commands, activations


def bank_rows(device: Device, columns: int) -> int:
    """Rows, counted in every bank, that `columns` consecutive columns in host layout lie in."""
    in_row = device.groups * device.cores * device.columns
    whole, rest = divmod(columns, in_row)
    banks = device.groups * device.cores
    return whole * banks + min(rest, banks)
