"""The reference trace format: one request per line, `OP 0xADDRESS`.

Address bits, least significant first: byte in column, column, row, then the levels of the device
from the innermost out, each as wide as its count needs.
"""

from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.dialects.pim import BarrierOp, ProgramOp
from pim_opt.sim.expand import Run, expand

Ints = NDArray[np.int64]


def _bits(count: int) -> int:
    return (count - 1).bit_length()


def addresses(run: Run, device: Device) -> Ints:
    """Byte addresses of a run's commands, shape (n,)."""
    shift = _bits(device.column_bytes)
    result = run.address[:, -1] << shift
    shift += _bits(device.columns)
    result |= run.address[:, -2] << shift
    shift += _bits(device.rows)
    for number, level in reversed(tuple(enumerate(device.core_levels))):
        result |= run.address[:, number] << shift
        shift += _bits(level.count)
    return result | (run.groups << shift)


def write_trace(program: ProgramOp, device: Device, lanes: int, output: TextIO) -> None:
    """Write a program's requests in issue order; a barrier is one request per group."""
    shift = sum(_bits(level.count) for level in device.core_levels)
    shift += _bits(device.rows) + _bits(device.columns) + _bits(device.column_bytes)
    barrier = next(c.trace for c in device.commands.values() if c.kind == "barrier")
    for item in expand(program, lanes):
        if isinstance(item, Run):
            name = device.commands[item.command].trace
            output.writelines(f"{name} {a:#011x}\n" for a in addresses(item, device).tolist())
        elif isinstance(item, BarrierOp):
            output.writelines(f"{barrier} {g << shift:#011x}\n" for g in range(device.groups))
