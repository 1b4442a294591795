"""A device as data: organisation, register files, commands, kernel bindings, timing, energy."""

from functools import cached_property
from math import prod
from typing import Literal

import msgspec

from pim_opt.devices.meaning import Meaning, parse_meaning

ELEMENT_BYTES = {"f16": 2, "bf16": 2}
"""Element types that units compute on, and their sizes."""

WEIGHT_BYTES = {"i8": 1}
"""Narrower types that a matrix may have beside these."""


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Shared options: immutable, and a key that no field has is an error."""


class Level(_Struct, frozen=True):
    """A level of the organisation: `count` members in each member of the level above."""

    name: str
    short: str
    count: int


class Organisation(_Struct, frozen=True):
    """Levels from the outermost down to the bank, and a bank's rows of columns."""

    levels: tuple[Level, ...]
    rows: int
    columns: int
    column_bytes: int


class Register(_Struct, frozen=True):
    """A register file: `entries` entries of `lanes` elements in each member of level `per`."""

    per: str
    entries: int
    lanes: int
    element: str
    """"column": the type of the data; or a type of its own, as "f32"."""
    halves: int = 1
    """Parts that can be written and read apart: 2 for double buffering."""
    reset: Literal["zero", "undefined"] = "undefined"
    """What the entries hold when a program starts."""
    source: str = ""
    assumption: str = ""


CommandKind = Literal[
    "host_read",
    "host_write",
    "load",
    "compute",
    "move",
    "softmax",
    "configure",
    "barrier",
    "row",
    "refresh",
]


class Command(_Struct, frozen=True):
    """A command: where it acts, what it needs, what it does."""

    kind: CommandKind
    trace: str | None = None
    """Its request in the reference trace format; None for commands that the controller adds."""
    spans: tuple[str, ...] = ()
    """Core levels on all of whose members it acts at once; the others are addressed."""
    row: bool = False
    """Needs its row open in every bank that the command that opens it spans."""
    opens: bool = False
    closes: bool = False
    scope: str | None = None
    """Innermost level whose constraints it heeds; None for all levels down to the bank."""
    rows_by: tuple[str, str] | None = None
    """The commands that open and close its rows; None for those that span what it spans."""
    bus: Literal["row", "column", "none"] | None = None
    """The command bus it takes; None for that of its kind: see `Device.command_bus`."""
    mode: str | None = None
    """The controller's mode that it needs; None for any. Row commands need what their request
    does."""
    operands: tuple[str, ...] = ()
    """Index operands, by which `meaning` indexes registers."""
    meaning: str | None = None
    source: str = ""
    assumption: str = ""


class HostCommands(_Struct, frozen=True):
    """The commands by which the host reads and writes DRAM columns."""

    read: str
    write: str
    streams: Literal["dram", "host"] = "dram"
    """Where streamed operands start and results end: in DRAM, in the host layout, or with the host,
    from where the commands that carry them are all that is charged."""


class ContractionMode(_Struct, frozen=True):
    """The commands of a contraction for one use of the lanes."""

    multiply: str
    operand: str
    """Register file that holds the vector."""
    accumulator: str
    """Register file that results gather in."""
    load: dict[str, str]
    """How the vector travels ("direct", "multicast") to the command that brings it."""
    move: dict[str, str]
    """Level summed over on the way ("" for none) to the command that moves results out."""
    reset: str | None = None
    """The command that clears an accumulator; None where moves clear what they read."""
    weights: dict[str, float] = {}
    """Further element types that the matrix may have: what a 1 of each counts as, a power of two.
    "i8: 0.0078125" takes bytes as fractions of 128, whose sums are no larger than those of other
    weights below 1."""


class ContractionKernels(_Struct, frozen=True):
    """Contractions: `tree` sums over the lanes, `broadcast` keeps an output in each.

    The vector comes from the host and results go to it, or, where the commands say so, both pass
    through DRAM columns.
    """

    hand_mapping: dict[str, tuple[str, ...]]
    """The authors' mapping: levels that carry the dimensions of a role, in order; a device that
    says nothing of rows takes one vector after the other."""
    chunks_outside: bool = False
    """Whether the hand mapping loads each chunk of the vector once, for all outputs, whose sums of
    every chunk move out; else it is done with some outputs before it goes on to others."""
    tree: ContractionMode | None = None
    broadcast: ContractionMode | None = None


class SoftmaxPasses(_Struct, frozen=True):
    """A softmax unit takes a row in passes: one command for each but the last."""

    command: str
    elements: int
    """Of the row that one pass takes in."""


class AttentionKernels(_Struct, frozen=True):
    """Attention without the host in between: scores, softmax, context.

    Scores move to a buffer of the group, where the softmax works, and go from there to the buffers
    of the cores as the operand of the context.
    """

    hand_mapping: dict[str, tuple[str, ...]]
    """The authors' mapping: levels that carry the dimensions of a role, in order."""
    score: ContractionMode
    """Its lanes hold summands of one score; its moves go to `buffer`."""
    context: ContractionMode
    """Its lanes hold outputs; its loads come from `buffer`."""
    buffer: str
    """Register file of the group that holds scores and weights."""
    softmax: str
    """The command that turns a row of scores into weights: first entry, elements, entries."""
    softmax_passes: SoftmaxPasses | None = None


class FileCommands(_Struct, frozen=True):
    """The commands that compute in one register file, lane by lane; None for what it lacks.

    Below, r is an entry of the file, column the addressed DRAM column, s a scalar in every lane.
    """

    load: str
    """r = column."""
    store: str
    """column = r."""
    add: str | None = None
    """r = r + column."""
    mul: str | None = None
    """r = r * column."""
    relu: str | None = None
    """r = maximum(column, 0)."""
    scalar_add: str | None = None
    """r = s + column."""
    scalar_mul: str | None = None
    """r = s * column."""


class ScalarCommands(_Struct, frozen=True):
    """Scalars that computations take for all lanes."""

    register: str
    """A file of one-lane entries."""
    load: str
    """All entries = the elements of a column."""


class ElementwiseKernels(_Struct, frozen=True):
    """Elementwise kernels: operands and results in DRAM columns, intermediates in registers."""

    files: dict[str, FileCommands]
    """Per register file that can hold intermediates."""
    scalars: ScalarCommands | None = None


class ReductionKernels(_Struct, frozen=True):
    """Reductions: units add up their own columns, lane by lane; the host adds what is left."""

    files: dict[str, FileCommands]
    """Per register file that sums gather in."""


class Kernels(_Struct, frozen=True):
    """Which commands run which class of kernel; a class that is absent stays on the host."""

    host: HostCommands
    contraction: ContractionKernels | None = None
    attention: AttentionKernels | None = None
    elementwise: ElementwiseKernels | None = None
    reduction: ReductionKernels | None = None


class WriteDrain(_Struct, frozen=True):
    """When the controller turns from reads to writes and back, by the length of its write queue."""

    start: int
    """It turns to writes at this many, or when no read waits."""
    stop: int
    """It turns back at this many or fewer, when a read waits."""


class Modes(_Struct, frozen=True):
    """A controller that is always in one of several modes."""

    names: tuple[str, ...]
    """The first is that in which it starts."""
    change: str
    """The command that changes to whichever mode a request needs."""


class Controller(_Struct, frozen=True):
    """How the commands of one group are ordered and issued."""

    policy: Literal["in-order", "fr-fcfs", "dispatch"]
    """in-order: column commands issue in program order; rows of requests to come are opened ahead.
    fr-fcfs: the oldest request that is ready goes first, whatever depends on it.
    dispatch: one unit turns instructions into commands, which issue in order; of the host's
    accesses the oldest that is ready goes first."""
    window: int
    """Requests that a queue holds: how far the controller sees ahead."""
    coupled: bool = False
    """One frontend feeds all groups in trace order: a full queue of one stops the others."""
    forwarding: bool = False
    """A read of an address that the write queue holds takes no DRAM access; with dispatch, where
    queues do not know addresses, no read that finds the write queue filled does."""
    keeps_rows: bool = False
    """Opening a row in many banks leaves other rows open there, so that a bank may have many."""
    write_drain: WriteDrain | None = None
    modes: Modes | None = None
    wraps_addresses: bool = False
    """Address bits beyond the device's size are ignored instead of refused."""
    source: str = ""
    assumption: str = ""

    @property
    def keeps_order(self) -> bool:
        """Whether the commands of a group that need no host issue in program order."""
        return self.policy != "fr-fcfs"

    @property
    def opens_ahead(self) -> bool:
        """Whether rows open for requests that are not at the head of their queue."""
        return self.policy != "dispatch"

    @property
    def awaits_host(self) -> bool:
        """Whether what stands behind a barrier waits for the host's accesses before it."""
        return self.policy != "dispatch"


InstructionField = Literal[
    "opsize", "gpr", "mask", "mask_of_one", "channel", "bank", "row", "register", "value"
]
"""What a number in an instruction says: columns to work on, a register of the dispatcher, groups
(a mask, the first in its highest bit; a mask of exactly one; a number), bank and row in a group, a
configuration register and the value that it takes."""


class RowOfRegister(_Struct, frozen=True):
    """A row that follows from a configuration register."""

    register: int
    plus: int
    """The row for a register that holds 0."""


class Instruction(_Struct, frozen=True):
    """An instruction of the dispatcher: the numbers of its line in a trace and what it becomes."""

    fields: tuple[InstructionField, ...] = ()
    command: str | None = None
    """Issued once per column and group; None for what takes the dispatcher one cycle alone."""
    row: RowOfRegister | None = None
    advances: tuple[str, ...] = ()
    """What grows by one from each of its columns to the next, where programs become instructions:
    "column", or index operands of its command; all else stays."""
    shares_data: bool = False
    """All its groups receive the same data; without, each sends or receives its own."""
    limits: dict[InstructionField, int] = {}
    """Per field what its numbers must be below, if that does not follow from the organisation."""
    blocking: bool = False
    """Nothing is dispatched until its commands have completed; a barrier's groups all take part."""
    ends: bool = False
    """The trace ends here."""
    more_numbers: bool = False
    """Its line may go on with numbers that nothing reads."""


class Constraint(_Struct, frozen=True):
    """After a `preceding` command, `following` ones at the same member of `level` wait.

    `window` counts preceding commands back: 4 means that the wait runs from the fourth last.
    """

    level: str
    preceding: tuple[str, ...]
    following: tuple[str, ...]
    latency: int | str
    """Cycles: a number, or a sum of named timing values as "nCWL + nBL + nWR"."""
    window: int = 1
    entry: str | None = None
    """A register file: the row binds only commands that use the same entry of it."""
    also_at: dict[str, str] = {}
    """It binds at more members than the preceding command's address names: per level "*" for all,
    or the level whose coordinate stands for it (levels not named: the address's own)."""
    source: str = ""
    assumption: str = ""


class Timing(_Struct, frozen=True):
    """Named values in clock cycles, and the constraints between commands."""

    values: dict[str, int]
    constraints: tuple[Constraint, ...] = ()
    completion: dict[str, int | str] = {}
    """Per command the latency until its data are where they go; 0 for one that is not named. The
    run ends, and a barrier lets go, when everything has completed."""

    def cycles(self, latency: int | str) -> int:
        """The value of a latency in cycles.

        Raises:
            KeyError: a name that `values` lacks.
            ValueError: not a sum or difference of names and numbers.
        """
        if isinstance(latency, int):
            return latency
        total, sign, expects_term = 0, 1, True
        for token in latency.split():
            if expects_term:
                total += sign * (int(token) if token.isdecimal() else self.values[token])
            elif token not in ("+", "-"):
                raise ValueError(f"'{token}' in latency '{latency}'; expected + or -")
            else:
                sign = 1 if token == "+" else -1
            expects_term = not expects_term
        if expects_term:
            raise ValueError(f"latency '{latency}' ends in an operator")
        return total


class Refresh(_Struct, frozen=True):
    """Every `interval`, `command` occupies the device for `duration` (latencies as in Timing)."""

    command: str
    interval: str
    duration: str
    per: str | None = None
    """The level whose members each get a command of their own; None for one to the whole group."""
    source: str = ""


class Device(_Struct, frozen=True):
    """A PIM device; see docs/adding-a-device.md for the file that describes one."""

    name: str
    description: str
    clock_ps: int
    organisation: Organisation
    group: str
    host_layout: tuple[str, ...]
    elements: tuple[str, ...]
    registers: dict[str, Register]
    commands: dict[str, Command]
    kernels: Kernels
    controller: Controller
    timing: Timing
    refresh: Refresh | None = None
    instructions: dict[str, Instruction] = {}
    """Of the dispatcher, by the two words that name each; such a device's traces consist of them
    instead of commands with addresses."""
    energy_pj_per_bit: dict[str, float] = {}
    energy_pj_per_operation: float = 0.0
    """Of one multiplication or addition in a PIM unit."""
    sources: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[Level, ...]:
        """All levels, outermost first."""
        return self.organisation.levels

    @property
    def rows(self) -> int:
        """Rows of a bank."""
        return self.organisation.rows

    @property
    def columns(self) -> int:
        """Columns of a row."""
        return self.organisation.columns

    @property
    def column_bytes(self) -> int:
        """Bytes of a column: what one access moves."""
        return self.organisation.column_bytes

    @cached_property
    def group_level(self) -> Level:
        """The level whose members take separate command streams."""
        return self.level(self.group)

    @cached_property
    def core_levels(self) -> tuple[Level, ...]:
        """The levels below the group, outermost first: their members run in lockstep."""
        return self.levels[self.levels.index(self.group_level) + 1 :]

    @property
    def groups(self) -> int:
        """Members of the group level in the whole device."""
        return prod(level.count for level in self.levels) // self.cores

    @property
    def cores(self) -> int:
        """Cores of one group."""
        return prod(level.count for level in self.core_levels)

    def level(self, name: str) -> Level:
        """The level called `name`, in full or short.

        Raises:
            KeyError: the device has no such level.
        """
        return self._levels_by_name[name]

    @cached_property
    def _levels_by_name(self) -> dict[str, Level]:
        """Levels by both of their names."""
        short = {level.short: level for level in self.levels}
        return short | {level.name: level for level in self.levels}

    def members(self, levels: tuple[str, ...]) -> int:
        """Members of `levels` taken together, within one member of the levels around them."""
        return prod(self.level(name).count for name in levels)

    def column_elements(self, element: str) -> int:
        """Elements of type `element` in one column."""
        return self.column_bytes // (ELEMENT_BYTES | WEIGHT_BYTES)[element]

    @property
    def vector_lanes(self) -> int:
        """Elements in one column of what units compute on: vectors and results."""
        return self.column_elements(self.elements[0])

    @property
    def weights(self) -> dict[str, float]:
        """Narrower element types that matrices may have, and what a 1 of each counts as."""
        modes = self.kernels.contraction
        return {} if modes is None or modes.tree is None else modes.tree.weights

    def command_bus(self, command: str) -> str:
        """The bus that `command` takes, "row", "column" or "none": at most one each a cycle.

        Raises:
            KeyError: there is no such command.
        """
        given = self.commands[command]
        if given.bus is not None:
            return given.bus
        match given.kind:
            case "row" | "refresh":
                return "row"
            case "barrier":
                return "none"
            case _:
                return "column"

    def meaning(self, command: str) -> Meaning:
        """What `command` does; a command without a meaning changes no data.

        Raises:
            KeyError: there is no such command, or it has no meaning.
        """
        return self._meanings[command]

    @cached_property
    def _meanings(self) -> dict[str, Meaning]:
        texts = {name: command.meaning for name, command in self.commands.items()}
        return {name: parse_meaning(text) for name, text in texts.items() if text is not None}

    def rows_by(self, command: str) -> tuple[str, str]:
        """The commands that open and close the rows that `command` needs.

        Raises:
            KeyError: there is no such command, or the device has none for its levels.
        """
        given = self.commands[command]
        return self.row_commands(given.spans) if given.rows_by is None else given.rows_by

    def row_spans(self, command: str) -> tuple[str, ...]:
        """Core levels on all of whose members `command` needs its row open, if it needs any.

        Raises:
            KeyError: as `rows_by`.
        """
        return self.commands[self.rows_by(command)[0]].spans

    def row_commands(self, spans: tuple[str, ...]) -> tuple[str, str]:
        """The commands that open and close a row in all banks that `spans` joins.

        Raises:
            KeyError: the device has none for these levels.
        """
        wanted = set(spans)
        found = {
            command.opens: name
            for name, command in self.commands.items()
            if command.kind == "row" and set(command.spans) == wanted
        }
        return found[True], found[False]
