"""Checks of the narrow weights that units say they take: that lanes and commands allow them."""

from collections.abc import Iterator
from math import frexp

from pim_opt.devices.meaning import Meaning, MeaningError, parse_meaning
from pim_opt.devices.model import WEIGHT_BYTES, ContractionMode, Device
from pim_opt.devices.problem import Problem, unknown

SMALLEST_FACTOR = 2.0**-14
"""The least that a 1 may count as: sums of integers are exact results then."""


def weight_problems(device: Device) -> Iterator[Problem]:
    """All that is wrong with the weights that a device's modes take."""
    kernels = device.kernels
    if kernels.attention is not None:
        for name, mode in (
            ("score", kernels.attention.score),
            ("context", kernels.attention.context),
        ):
            if mode.weights:
                where = f"$.kernels.attention.{name}.weights"
                yield Problem(where, "keys and values have no weights; expected none")
    if kernels.contraction is None:
        return
    broadcast, tree = kernels.contraction.broadcast, kernels.contraction.tree
    if broadcast is not None and broadcast.weights:
        yield Problem(
            "$.kernels.contraction.broadcast.weights",
            "lanes that hold outputs have an accumulator each, as many as other columns have"
            " elements; expected weights in tree",
        )
    if tree is not None and tree.weights:
        yield from _tree(device, tree, "$.kernels.contraction.tree")


def _tree(device: Device, mode: ContractionMode, path: str) -> Iterator[Problem]:
    for element, factor in mode.weights.items():
        where = f"{path}.weights.{element}"
        if element not in WEIGHT_BYTES:
            yield Problem(where, unknown("element type of weights", element, WEIGHT_BYTES))
            continue
        if not (SMALLEST_FACTOR <= factor <= 1 and frexp(factor)[0] == 0.5):
            yield Problem(where, f"a 1 counts as {factor:g}; expected a power of two, 2^-14 to 1")
        yield from _lanes(device, mode, device.column_elements(element), where)
    policy = device.controller.policy
    if policy != "in-order":
        # What is checked of the order of commands is that of the entries that they name.
        where = f"{path}.weights"
        yield Problem(where, f"a controller of policy {policy}; expected in-order for weights")
    multiply = _meaning(device, mode.multiply)
    if multiply is not None and not multiply.sums_lanes:
        yield Problem(
            f"{path}.weights", f"{mode.multiply} does not sum its lanes; expected lanes_sum"
        )
    for travel, name in mode.load.items():
        load = _meaning(device, name)
        if load is not None and "column" in load.reads:
            yield Problem(
                f"{path}.weights", f"{travel} load {name} takes a column; expected the host's data"
            )


def _lanes(device: Device, mode: ContractionMode, lanes: int, where: str) -> Iterator[Problem]:
    """A column of weights meets whole entries of the operand, that fit one of its parts."""
    operand = device.registers.get(mode.operand)
    if operand is None:
        return
    if lanes % operand.lanes:
        yield Problem(
            where, f"a column holds {lanes}, which entries of {operand.lanes} lanes do not divide"
        )
    elif lanes > operand.entries // operand.halves * operand.lanes:
        room = operand.entries // operand.halves * operand.lanes
        yield Problem(where, f"a column holds {lanes}, but a part of {mode.operand} holds {room}")


def _meaning(device: Device, name: str) -> Meaning | None:
    """What a command means; None where another check says what is wrong with it."""
    command = device.commands.get(name)
    try:
        return None if command is None or not command.meaning else parse_meaning(command.meaning)
    except MeaningError:
        return None
