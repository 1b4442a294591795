"""Device files: what loads, what is inherited, and where every error stands."""

import re
from pathlib import Path

import pytest
from small_device import SMALL

from pim_opt.devices import DeviceError, device_names, load_device


def load(folder: Path, text: str) -> None:
    path = folder / "device.yaml"
    path.write_text(text)
    load_device(str(path))


def edited(old: str, new: str) -> str:
    assert SMALL.count(old) >= 1, old
    return SMALL.replace(old, new, 1)


@pytest.mark.parametrize("name", device_names())
def test_known_devices_load(name: str) -> None:
    assert load_device(name).name == name


def test_small_device(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    device = load_device(str(path))
    assert (device.groups, device.cores, device.column_elements("f16")) == (2, 2, 4)
    assert device.timing.cycles("nA + nB - 1") == 7
    assert device.row_commands(("bank",)) == ("ACTAB", "PREAB")
    assert device.level("ba") is device.level("bank")
    assert [device.command_bus(name) for name in ("ACT", "REF", "RD", "BARRIER")] == [
        "row",
        "row",
        "column",
        "none",
    ]


def place_of(text: str, part: str) -> str:
    """`line:column` of a part of a file."""
    before = text[: text.index(part)]
    return f"{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        # The file itself.
        ("group: channel", "group: [", "elements", "malformed YAML"),
        (
            "clock_ps: 1000",
            "clock_ps: 1000\nclock_ps: 2",
            "clock_ps: 2",
            "'clock_ps' is given twice",
        ),
        # Fields and their types.
        ("clock_ps", "clock", "clock", "unknown field 'clock'"),
        ("rows: 8", "rows: many", "rows", "expected `int`, got `str`"),
        ("kind: load", "kind: lode", "kind: lode", "invalid enum value 'lode'"),
        (
            "{per: bank, entries: 4, lanes: 4",
            "{pre: bank, entries: 4, lanes: 4",
            "pre: bank",
            "unknown field 'pre'",
        ),
        ("policy: in-order", "policy: any", "policy", "invalid enum value 'any'"),
        (
            "policy: in-order",
            "policy: fr-fcfs",
            "policy: fr-fcfs",
            "policy fr-fcfs with coupled: false; expected coupled: true",
        ),
        (
            "policy: in-order",
            "coupled: true, policy: in-order",
            "policy: in-order",
            "policy in-order with coupled: true; expected coupled: false",
        ),
        # Organisation.
        ("short: ba, count: 2", "short: ba, count: 0", "count: 0", "count 0; expected at least 1"),
        ("short: ba,", "short: ch,", "{name: channel", "level name 'ch' is used twice"),
        ("columns: 4", "columns: 0", "columns", "columns 0; expected at least 1"),
        ("clock_ps: 1000", "clock_ps: 0", "clock_ps", "clock_ps 0; expected at least 1"),
        (
            "group: channel",
            "group: chanel",
            "group",
            "unknown level 'chanel'; did you mean 'channel'?",
        ),
        (
            "[channel, bank, column, row]",
            "[channel, column, row]",
            "host_layout",
            "host_layout lists channel, column, row",
        ),
        (
            "[channel, bank, column, row]",
            "[channel, column, bank, row]",
            "host_layout",
            "host_layout must end in column, row",
        ),
        ("elements: [f16]", "elements: [f61]", "f61", "unknown element type 'f61'"),
        # Registers.
        (
            "acc: {per: bank",
            "acc: {per: bnk",
            "per: bnk",
            "unknown level 'bnk'; did you mean 'bank'?",
        ),
        ("lanes: 1", "lanes: 0", "lanes: 0", "lanes 0; expected at least 1"),
        ("halves: 2", "halves: 3", "halves: 3", "4 entries do not divide into 3 halves"),
        ("element: f32", "element: f23", "element: f23", "unknown element type 'f23'"),
        # Commands.
        ("spans: [bank], row", "spans: [bnk], row", "bnk", "unknown core level 'bnk'"),
        (
            "data = column",
            "data = colum",
            "meaning: data",
            "meaning: unknown name 'colum'; did you mean 'column'?",
        ),
        (
            "acc: {per: bank, entries: 4, lanes: 1",
            "acc: {per: bank, entries: 5, lanes: 1",
            'meaning: "data = over',
            "meaning: 'acc' without an index is all of its 5 elements at once; a column holds 4",
        ),
        (
            "operand[s] = data",
            "operand[z] = data",
            'meaning: "operand[z]',
            "meaning: unknown index operand 'z'",
        ),
        ("data = column", "data / column", "meaning: data /", "meaning: 'data / column'; expected"),
        (
            "data = over(bank, acc); acc = 0",
            "data = gather(acc); acc = 0",
            'meaning: "data = gather',
            "meaning: gather stands by itself; expected 'data = gather(..)'",
        ),
        (
            "operand[s] = data",
            "data = gather(acc)",
            'meaning: "data = gather',
            "meaning: gather takes from all cores, but it does not span all",
        ),
        ("kind: load,", "kind: load, scope: bnk,", "scope", "unknown level 'bnk'"),
        (
            "opens: true, spans: [bank]",
            "opens: true",
            "spans: [bank], row",
            "MAC needs its row open, but no pair of row commands",
        ),
        # Kernels.
        ("read: RD", "read: RED", "read: RED", "unknown command 'RED'; did you mean 'RD'?"),
        ("{batch: [", "{batsh: [", "batsh", "unknown role 'batsh'; did you mean 'batch'?"),
        ("reduction: [bank]", "reduction: [bnk]", "bnk", "unknown level 'bnk'"),
        ("multiply: MAC", "multiply: MAK", "multiply", "unknown command 'MAK'"),
        ("operand: operand", "operand: oper", "operand: oper", "unknown register 'oper'"),
        (
            "direct: LOAD",
            "direkt: LOAD",
            "direkt",
            "unknown way to load 'direkt'; did you mean 'direct'?",
        ),
        (
            "operand: {per: bank",
            "operand: {per: channel",
            "direct: LOAD",
            "LOAD names a bank, but all share 'operand'",
        ),
        (
            "{read: RD, write: WR}",
            "{read: RD, write: WR, streams: host}\n  reduction: {files: {}}",
            "reduction: {files",
            "reduction kernels stream to and from DRAM alone",
        ),
        ("{bank: MOVE}", "{bank: LOAD}", "bank: LOAD", "LOAD is to sum over bank, but spans"),
        # Timing.
        (
            "{level: bank, preceding: [ACT]",
            "{level: bnk, preceding: [ACT]",
            "level: bnk",
            "unknown level 'bnk'",
        ),
        ("preceding: [ACT]", "preceding: [AKT]", "AKT", "unknown command 'AKT'"),
        ("latency: nA}", "latency: nC}", "latency: nC", "unknown timing value 'nC'"),
        ("nA + nB - 1", "nA * nB", "latency: nA * nB", "'*' in latency 'nA * nB'; expected + or -"),
        ("nA + nB - 1", "nA +", "latency: nA +", "latency 'nA +' ends in an operator"),
        ("latency: nA}", "latency: nA, window: 0}", "window: 0", "window 0; expected at least 1"),
        (
            "latency: nA}",
            "latency: nA, entry: ac}",
            "entry",
            "unknown register 'ac'; did you mean 'acc'?",
        ),
        ("latency: nA}", "latency: nA, also_at: {bank: all}}", "bank: all", "unknown level 'all'"),
        (
            "preceding: [RD], following: [PRE]",
            "preceding: [ACT], following: [WR, RD]",
            "{level: bank, preceding: [ACT], following: [WR",
            "ACT to WR, RD at level bank takes 7 cycles here and 3 above",
        ),
        ("completion: {RD", "completion: {DR", "DR", "unknown command 'DR'"),
        ("{RD: nA}", "{RD: nZ}", "RD: nZ", "unknown timing value 'nZ'"),
        ("command: REF", "command: FER", "command: FER", "unknown command 'FER'"),
        ("interval: nA", "interval: nZ", "interval", "unknown timing value 'nZ'"),
        ("duration: nB", "duration: nB, per: bnk", "per: bnk", "unknown level 'bnk'"),
    ],
)
def test_errors_name_their_place(tmp_path: Path, old: str, new: str, at: str, message: str) -> None:
    text = edited(old, new)
    with pytest.raises(DeviceError) as error:
        load(tmp_path, text)
    place = f"{tmp_path / 'device.yaml'}:{place_of(text, at)}: error: "
    assert str(error.value).startswith(place + message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"device.yaml:1:1: error: the file is empty; expected a device"),
        ("- 1", r"device.yaml:1:1: error: expected a mapping of fields"),
        ("name: x", r"device.yaml:1:1: error: object missing required field `description`"),
        (b"name: \xff", r"cannot read device file .*device.yaml"),
    ],
)
def test_files_that_are_no_device(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "device.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DeviceError, match=message):
        load_device(str(path))


def test_unknown_device_and_file() -> None:
    with pytest.raises(DeviceError, match=r"unknown device 'atacc'; did you mean 'attacc'\?"):
        load_device("atacc")
    with pytest.raises(DeviceError, match=r"no device file 'nosuch.yaml'"):
        load_device("nosuch.yaml")


# Inheritance


def test_base_is_merged_field_by_field(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(SMALL)
    child = tmp_path / "child.yaml"
    child.write_text(
        "base: parent.yaml\nname: child\norganisation: {rows: 16}\n"
        "commands: {RD: {assumption: none}}\nelements: [bf16]\n"
    )
    device = load_device(str(child))
    assert (device.name, device.rows, device.columns) == ("child", 16, 4)
    assert device.elements == ("bf16",)
    assert (device.commands["RD"].kind, device.commands["RD"].assumption) == ("host_read", "none")


def test_known_device_as_base(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("base: attacc\nname: child\n")
    assert load_device(str(child)).levels == load_device("attacc").levels


def test_errors_in_what_is_inherited_stand_in_the_base(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(edited("rows: 8", "rows: 0"))
    child = tmp_path / "child.yaml"
    child.write_text("base: parent.yaml\nname: child\n")
    where = re.escape(f"{tmp_path / 'parent.yaml'}:8:3: error: rows 0; expected at least 1")
    with pytest.raises(DeviceError, match=where):
        load_device(str(child))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("nosuch", "unknown device 'nosuch'"),
        ("nosuch.yaml", "cannot read device file"),
        ("[a, b]", r"base is \['a', 'b'\]; expected the name or path of a device"),
        ("child.yaml", r"child.yaml:1:1: error: base 'child.yaml' leads back to this file"),
        ("other.yaml", r"other.yaml:1:1: error: base 'child.yaml' leads back to this file"),
    ],
)
def test_bases_that_cannot_be(tmp_path: Path, base: str, message: str) -> None:
    (tmp_path / "other.yaml").write_text("base: child.yaml\n")
    child = tmp_path / "child.yaml"
    child.write_text(f"base: {base}\nname: child\n")
    with pytest.raises(DeviceError, match=message):
        load_device(str(child))


# Instructions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("controller: {policy: fr-fcfs}", "policy fr-fcfs with 22 instructions; expected none"),
        ("controller: {modes: {change: MODE}}", "unknown command 'MODE'; did you mean 'TMOD'?"),
        ("commands: {RD: {mode: banks}}", "unknown mode 'banks'; did you mean 'bank'?"),
        ("instructions: {GO: {}}", "instruction 'GO'; expected a name of two words"),
        ("instructions: {R X: {command: READ}}", "unknown command 'READ'"),
        ("instructions: {R X: {fields: [bnk]}}", "invalid enum value 'bnk'"),
        (
            "instructions: {AiM RD_AF: {fields: [opsize, mask]}}",
            "AiM RD_AF blocks on many columns; expected no opsize",
        ),
        ("instructions: {AiM EWMUL: {advances: [s]}}", "unknown operand 's'"),
        ("instructions: {R X: {blocking: true}}", "R X blocks, but has no command to wait for"),
        (
            "instructions: {R X: {command: EOC, ends: true}}",
            "R X ends a trace without blocking; expected blocking: true",
        ),
        ("instructions: {AiM EOC: {ends: false}}", "no instruction ends a trace"),
        ("instructions: {R MEM: {fields: [channel, bank]}}", "R MEM gives RD no row"),
        ("instructions: {R MEM: {fields: [channel, row]}}", "R MEM gives RD no bank"),
        ("instructions: {R MEM: {fields: [bank, row]}}", "R MEM gives RD no mask and no channel"),
        (
            "refresh: {command: PREA, interval: nRC, duration: nRC}",
            "policy dispatch has no refresh; expected none",
        ),
        (
            """
organisation:
  levels:
    - {name: channel, short: ch, count: 64}
    - {name: bank_group, short: bg, count: 4}
    - {name: bank, short: ba, count: 4}
""",
            "64 channels; expected at most 62 in a mask",
        ),
    ],
)
def test_instructions_fit_their_commands(tmp_path: Path, change: str, message: str) -> None:
    child = tmp_path / "child.yaml"
    child.write_text(f"base: gddr6-aim-ref\nname: child\n{change}\n")
    with pytest.raises(DeviceError) as error:
        load_device(str(child))
    assert error.value.message.startswith(message)


def test_a_dispatcher_needs_instructions(tmp_path: Path) -> None:
    text = edited("{policy: in-order,", "{policy: dispatch, coupled: true,")
    with pytest.raises(DeviceError, match="policy dispatch with 0 instructions; expected some"):
        load(tmp_path, text)
