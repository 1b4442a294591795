"""Writes programs as traces of instructions, the text that `instruction_input` reads.

What the text has no numbers for, as columns and entries of buffers, the program alone says.
Registers of the dispatcher are not told apart: all are 0.
"""

from collections.abc import Iterator, Sequence
from typing import TextIO

from pim_opt.devices import Device
from pim_opt.devices.model import InstructionField
from pim_opt.dialects.pim import ProgramOp
from pim_opt.sim.timing.dispatch.layout import BANK_NUMBER, MASK, NUMBER, OPSIZE, ROW_NUMBER
from pim_opt.sim.timing.program_instructions import InstructionMaker
from pim_opt.sim.timing.tables import compiled


def write_instructions(
    programs: Sequence[ProgramOp], device: Device, output: TextIO, length: int | None
) -> None:
    """Write programs, one after the other, as one trace.

    Args:
        programs: all for `device`.
        device: one that takes instructions.
        output: where to write.
        length: of the call, for programs that take one.

    Raises:
        InstructionError: a command that no instruction of the device becomes.
        LengthError: a program does not take that length.
    """
    ending = next(name for name, i in device.instructions.items() if i.ends)
    for program in programs:
        taken = None if program.length_argument is None else length
        output.writelines(f"{line}\n" for line in _lines(program, device, taken) if line != ending)
    output.write(f"{ending}\n")


def _lines(program: ProgramOp, device: Device, length: int | None) -> Iterator[str]:
    names, instructions = [*device.instructions], [*device.instructions.values()]
    for block in InstructionMaker(compiled(device)).read(program, length):
        lines: list[list[int]] = block.tolist()
        for line in lines:
            number = line[NUMBER]
            fields = (_text(field, line, device) for field in instructions[number].fields)
            yield " ".join((names[number], *fields))


def _text(field: InstructionField, line: Sequence[int], device: Device) -> str:
    match field:
        case "opsize":
            return str(line[OPSIZE])
        case "mask" | "mask_of_one":
            return f"{int(f'{line[MASK]:0{device.groups}b}'[::-1], 2):#x}"
        case "channel":
            return str(line[MASK].bit_length() - 1)
        case "bank":
            return str(line[BANK_NUMBER])
        case "row":
            return str(line[ROW_NUMBER])
        case "gpr" | "register" | "value":
            return "0"
