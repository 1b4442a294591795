"""What the register files of a core hold of a contraction, and which banks share them."""

from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Role


def lane_modes(device: Device, lanes: int) -> dict[Role, ContractionMode]:
    """The commands of a contraction, by the role of the dimension that runs along the lanes.

    Args:
        device: that has them.
        lanes: elements of the matrix in one DRAM column: more than of what units compute on where
            its elements are narrow weights, which not every mode takes.
    """
    modes = device.kernels.contraction
    if modes is None:
        return {}
    known = {Role.REDUCTION: modes.tree, Role.OUTPUT: modes.broadcast}
    return {
        role: mode
        for role, mode in known.items()
        if mode is not None and _takes(device, mode, lanes)
    }


def _takes(device: Device, mode: ContractionMode, lanes: int) -> bool:
    weights = (device.column_elements(element) for element in mode.weights)
    return lanes in (device.vector_lanes, *weights)


def passes_rows(device: Device, mode: ContractionMode) -> bool:
    """Whether cores load the vector from DRAM columns of theirs, and store results to some.

    Else the host sends the vector to their buffers, and takes the results from there.
    """
    return all("column" in device.meaning(load).reads for load in mode.load.values())


def inner_levels_of(device: Device, mode: ContractionMode) -> tuple[str, ...]:
    """Short names of the levels inside of a core: members share its operand buffer and take turns.

    Where one multiplication acts on all that share a buffer, each of them is a core.
    """
    per = device.level(device.registers[mode.operand].per)
    inside = device.levels[device.levels.index(per) + 1 :]
    at_once = {device.level(name) for name in device.commands[mode.multiply].spans}
    return tuple(level.short for level in inside if level not in at_once)


def vector_room(
    device: Device,
    mode: ContractionMode,
    lanes: int,
    *,
    reduces_lanes: bool,
    double_buffer: bool = False,
) -> int:
    """Loop iterations over the vector that one load can serve: what its buffer holds.

    Args:
        device: whose registers hold it.
        mode: the commands in use.
        lanes: elements of the matrix in one DRAM column.
        reduces_lanes: whether an iteration takes a column of the vector; else it takes an element.
        double_buffer: whether a load has but one of the buffer's parts.
    """
    operand = device.registers[mode.operand]
    elements = operand.entries * operand.lanes // (operand.halves if double_buffer else 1)
    return elements // lanes if reduces_lanes else elements


def result_room(device: Device, mode: ContractionMode, lanes: int) -> int:
    """Loop iterations over the result that one move can empty: what the accumulators hold.

    Args:
        device: whose registers gather it.
        mode: the commands in use.
        lanes: elements in one DRAM column, each of which takes an accumulator if it is not summed.
    """
    accumulator = device.registers[mode.accumulator]
    elements = accumulator.entries * accumulator.lanes
    return elements if device.meaning(mode.multiply).sums_lanes else elements // lanes
