"""Narrow weights: products of int8 matrices, where a device file says that its units take them."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from checked_pipeline import compile_checked
from contractions import RandomContraction, contractions
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernels import kernel_of
from small_device import SMALL
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

import pim_opt
from pim_opt.cost.contraction import estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import DeviceError, load_device
from pim_opt.devices_report import device_text
from pim_opt.dialects.schedule import ScheduleError, parse_nest
from pim_opt.kinds import kernel_text
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import kernels, lanes_of, mapping_of, shape_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.sim.semantics import run_function
from pim_opt.tune.random_schedules import random_schedule

ROOT = Path(__file__).parents[2]
W8 = str(ROOT / "examples" / "attacc-w8.yaml")
INPUTS = sorted((ROOT / "test" / "inputs" / "w8").glob("*.mlir"))
MOST_COMMANDS = 1500
FEWER = settings().max_examples // 6


def schedule_of(module: ModuleOp, seed: int) -> str:
    """A random schedule of the module's only kernel; a case for which none is found is dropped."""
    (kernel,) = kernels(module)
    device, rng = load_device(W8), np.random.default_rng(seed)

    def is_quick(mapping: Mapping) -> bool:
        return sum(estimate(mapping).commands.values()) <= MOST_COMMANDS

    try:
        return str(random_schedule(kernel.contraction, device, lanes_of(kernel), rng, is_quick))
    except ScheduleError:
        assume(False)
        raise


def first_function(module: ModuleOp) -> func.FuncOp:
    return cast(func.FuncOp, module.body.block.first_op)


@settings(max_examples=FEWER)
@given(
    contraction=contractions(rows=True),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
def test_every_level_computes_the_same(
    contraction: RandomContraction, inputs: str, seed: int
) -> None:
    text = replace(contraction, weights="i8").mlir()
    module, _ = compile_checked(text, W8, inputs, lambda m: schedule_of(m, seed))
    (kernel,) = kernels(module)
    assert [str(type_) for type_ in kernel.inputs.types][1].endswith("xi8>")
    check_all_bytes(text, module, seed)


def check_all_bytes(text: str, module: ModuleOp, seed: int) -> None:
    """Compare with the source on all values of a byte and so few others that no sum rounds."""
    source = first_function(parse_module(text, "<text>", make_context()))
    x, w = (shape_of(type_) for type_ in source.function_type.inputs)
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, w).astype(np.int8)
    vector = np.zeros(x, np.float16)
    chosen = rng.integers(0, vector.size, 15)
    vector.reshape(-1)[chosen] = rng.choice([-1.0, 1.0], 15)
    (expected,) = run_function(source, [vector, weights])
    (found,) = run_function(first_function(module), [vector, weights])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_what_exporters_print(path: Path) -> None:
    outcome = pim_opt.run(path, device=W8)
    (kernel,) = outcome.kernels
    elements = 700 * 1000 if path.stem != "batched" else 4 * 260 * 200
    assert elements <= kernel.resident_bytes < 1.5 * elements


def test_sums_that_would_not_fit_f16_unscaled() -> None:
    """Units take bytes as fractions, so that 127 * 1000 fits on its way to a scale of 1 / 256."""
    module, _ = compile_checked(kernel_text("gemv-w8", (1, 1, 1000, 3)), W8, "dram")
    x, w = np.ones((1, 1, 1000), np.float16), np.full((1, 1, 3, 1000), 127, np.int8)
    scales = np.full((1, 1, 3), 2.0**-8, np.float16)
    (found,) = run_function(first_function(module), [x, w, scales])
    np.testing.assert_array_equal(found, np.float16(127 * 1000 / 256))


def test_what_the_report_of_a_device_says() -> None:
    assert "\n  weights    i8, a 1 counts as 0.0078125\n" in device_text(load_device(W8))


def test_a_column_meets_two_entries() -> None:
    module, _ = compile_checked(kernel_text("gemv-w8", (1, 1, 256, 64)), W8, "dram")
    mapping = mapping_of(kernels(module)[0])
    assert (mapping.column_elements, mapping.vector_lanes) == (32, 16)
    assert mapping.columns_per_step == 2


def test_outputs_along_the_lanes_are_refused() -> None:
    module, _ = compile_checked(kernel_text("gemv-w8", (1, 1, 64, 64)), W8, "dram")
    (kernel,) = kernels(module)
    text = "n: ba 2, lane 32; k: time 64; order k"
    with pytest.raises(ScheduleError, match="no units whose lanes run along a output dimension"):
        Mapping(kernel.contraction, parse_nest(text), load_device(W8), 32)


def test_half_the_columns_of_f16() -> None:
    wide, narrow = (kernel_of(kind, (1, 1, 1024, 1024), device=W8) for kind in ("gemv", "gemv-w8"))
    assert class_of(wide).floor_cycles(wide) == 2 * class_of(narrow).floor_cycles(narrow)


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("", "weights: {i9: 0.5}, ", "i9", "unknown element type of weights 'i9' (known: i8)"),
        ("", "weights: {f16: 0.5}, ", "f16: 0.5", "unknown element type of weights 'f16'"),
        ("", "weights: {i8: 0.3}, ", "i8", "a 1 counts as 0.3; expected a power of two"),
        ("", "weights: {i8: 2}, ", "i8", "a 1 counts as 2; expected a power of two, 2^-14 to 1"),
        (
            "entries: 4, lanes: 4",
            "entries: 4, lanes: 3",
            "i8",
            "a column holds 8, which entries of 3 lanes do not divide",
        ),
        (
            "entries: 4, lanes: 4, element: column, halves: 2",
            "entries: 4, lanes: 4, element: column, halves: 4",
            "i8",
            "a column holds 8, but a part of operand holds 4",
        ),
        ("lanes_sum(column * operand[s])", "column * operand[s]", "weights", "MAC does not sum"),
        ("operand[s] = data", "operand[s] = column", "weights", "direct load LOAD takes a column"),
        (
            "policy: in-order",
            "coupled: true, policy: fr-fcfs",
            "weights",
            "a controller of policy fr-fcfs; expected in-order for weights",
        ),
    ],
)
def test_what_a_device_file_cannot_say(
    tmp_path: Path, old: str, new: str, at: str, message: str
) -> None:
    tree = "      {multiply: MAC,"
    weights = new if not old else "weights: {i8: 0.5}, "
    text = SMALL.replace(old, new, 1) if old else SMALL
    text = text.replace(tree, f"      {{{weights}multiply: MAC,", 1)
    path = tmp_path / "device.yaml"
    path.write_text(text)
    with pytest.raises(DeviceError) as error:
        load_device(str(path))
    line = text[: text.index("multiply: MAC")].count("\n") + 1
    assert error.value.place is not None
    assert error.value.place[1] == line
    column = text.split("\n")[line - 1].index(at) + 1
    assert (error.value.place[2], message in str(error.value)) == (column, True)


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        ("contraction:\n    broadcast", "expected weights in tree"),
        ("attention:\n    score", "keys and values have no weights"),
    ],
)
def test_weights_of_other_modes_are_refused(tmp_path: Path, kernels: str, message: str) -> None:
    text = Path(W8).read_text().replace("contraction:\n    tree", kernels)
    path = tmp_path / "device.yaml"
    path.write_text(text)
    with pytest.raises(DeviceError, match=message):
        load_device(str(path))
