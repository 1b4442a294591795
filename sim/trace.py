"""The reference trace format: one request per line, `OP 0xADDRESS`."""

from typing import TextIO

from pim_opt.devices import Device
from pim_opt.dialects.pim import BarrierOp, ProgramOp
from pim_opt.sim.affine import Ints
from pim_opt.sim.byte_address import address_fields
from pim_opt.sim.expand import Run, expand


def addresses(run: Run, device: Device) -> Ints:
    """Byte addresses of a run's commands, shape (n,)."""
    fields = address_fields(device)
    result = run.groups << fields.group.start
    below = (*fields.core_levels, fields.row, fields.column)
    for field, values in zip(below, run.address.T, strict=True):
        result |= values << field.start
    return result


def write_trace(
    program: ProgramOp, device: Device, output: TextIO, length: int | None = None
) -> None:
    """Write a program's requests in issue order; a barrier is one request per group.

    Args:
        program: a verified program for `device`.
        device: whose names the trace has.
        output: where to write.
        length: of this call, if the program takes one.

    Raises:
        LengthError: the program does not take that length.
    """
    group_bytes = address_fields(device).group.step
    barrier = next(c.trace for c in device.commands.values() if c.kind == "barrier")
    for item in expand(program, device.column_elements, length):
        if isinstance(item, Run):
            name = device.commands[item.command].trace
            output.writelines(f"{name} {a:#011x}\n" for a in addresses(item, device).tolist())
        elif isinstance(item, BarrierOp):
            output.writelines(f"{barrier} {g * group_bytes:#011x}\n" for g in range(device.groups))
