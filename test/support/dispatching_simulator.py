"""The public AiM simulator's rules once more, cycle by cycle and in the plainest way.

Written from docs/timing.md and the device file, to check the engine that skips cycles against. It
shares nothing with that engine.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from pim_opt.devices import Device
from pim_opt.devices.model import Instruction

ROOM = 33


@dataclass(eq=False)
class Request:
    """A column of an instruction for one channel."""

    command: str
    kind: str
    mode: str | None
    place: tuple[int, int] | None
    """Bank group and bank; None for a command to all banks."""
    row: int
    blocks: bool
    arrive: int = -1
    depart: int = -1


class Channel:
    """A controller and its banks."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.clock = 0
        self.mode = "bank"
        self.active: list[Request] = []
        self.reads: list[Request] = []
        self.writes: list[Request] = []
        self.aim: list[Request] = []
        self.draining = False
        self.returning = deque[Request]()
        self.completing: list[Request] = []
        self.open: dict[tuple[int, int], int] = {
            (group, bank): -1 for group in range(4) for bank in range(4)
        }
        self.issued: dict[tuple[str, tuple[int, ...]], int] = {}

    def send(self, request: Request) -> bool:
        if request.kind in ("host_read", "host_write"):
            if self.aim:
                return False
            if request.kind == "host_read" and self.writes:
                request.depart = self.clock + 1
                self.returning.append(request)
                return True
            queue = self.reads if request.kind == "host_read" else self.writes
        elif self.reads or self.writes:
            return False
        else:
            queue = self.aim
        if len(queue) == ROOM:
            return False
        request.arrive = self.clock
        queue.append(request)
        return True

    def tick(self) -> int:
        """A cycle; how many blocking requests come back in it."""
        self.clock += 1
        back = 0
        if self.returning and self.returning[0].depart <= self.clock:
            head = self.returning[0]
            if head.kind != "barrier" or not self.completing:
                self.returning.popleft()
                back = int(head.blocks)
        self.completing = [r for r in self.completing if r.depart > self.clock]
        found = self.select()
        if found is not None:
            self.serve(*found)
        return back

    def select(self) -> tuple[list[Request], Request] | None:
        queue, request = self.active, self.best(self.active)
        if request is None and self.aim:
            queue, request = self.aim, self.aim[0]
            if request.kind != "barrier" and not self.is_ready(request):
                return None
        elif request is None:
            full, empty = len(self.writes) > 25.6, len(self.writes) < 6.4
            if not self.draining:
                self.draining = full or not self.reads
            elif empty and self.reads:
                self.draining = False
            queue = self.writes if self.draining else self.reads
            request = self.best(queue)
        if request is None:
            return None
        closes = request.kind != "barrier" and self.needed(request) == "PRE"
        if closes and any(r.place == request.place for r in self.active):
            return None
        return queue, request

    def best(self, queue: list[Request]) -> Request | None:
        ready = [request for request in queue if self.is_ready(request)]
        return min(ready, key=lambda request: request.arrive, default=None)

    def is_ready(self, request: Request) -> bool:
        return self.ready_at(self.needed(request), request.place) <= self.clock

    def needed(self, request: Request) -> str:
        if not self.device.commands[request.command].row:
            return request.command
        if request.place is not None:
            row = self.open[request.place]
            return {-1: "ACT", request.row: request.command}.get(row, "PRE")
        if any(row not in (-1, request.row) for row in self.open.values()):
            return "PREA"
        return "ACT16" if -1 in self.open.values() else request.command

    def ready_at(self, command: str, place: tuple[int, int] | None) -> int:
        cycles = self.device.timing.cycles
        return max(
            (
                self.issued[before, node] + cycles(row.latency)
                for row in self.device.timing.constraints
                if command in row.following
                for node in self.nodes(row.level, place)
                for before in row.preceding
                if (before, node) in self.issued
            ),
            default=0,
        )

    @staticmethod
    def nodes(level: str, place: tuple[int, int] | None) -> Iterator[tuple[int, ...]]:
        """The member of a level on the way to a place, if the place says which."""
        depth = ("channel", "bank_group", "bank").index(level)
        if depth == 0:
            yield ()
        elif place is not None:
            yield place[:depth]

    def serve(self, queue: list[Request], request: Request) -> None:
        if request.kind == "barrier":
            request.depart = self.clock
            queue.remove(request)
            self.returning.append(request)
            return
        command = self.needed(request)
        if request.mode != self.mode:
            self.mode, command = request.mode or self.mode, "TMOD"
        for level in ("channel", "bank_group", "bank"):
            for node in self.nodes(level, request.place):
                self.issued[command, node] = self.clock
        self.change_rows(command, request)
        if command == request.command:
            completion = self.device.timing.completion[command]
            request.depart = self.clock + self.device.timing.cycles(completion)
            queue.remove(request)
            is_read = request.kind == "host_read" or request.blocks
            (self.returning if is_read else self.completing).append(request)
        elif command == "ACT" and request.kind in ("host_read", "host_write"):
            queue.remove(request)
            self.active.append(request)

    def change_rows(self, command: str, request: Request) -> None:
        match command:
            case "ACT" | "PRE":
                assert request.place is not None, "they are for one bank"
                self.open[request.place] = request.row if command == "ACT" else -1
            case "ACT16":
                self.open = dict.fromkeys(self.open, request.row)
            case "PREA" | "WRA16":
                self.open = dict.fromkeys(self.open, -1)
            case _:
                pass


def expanded(
    device: Device, instruction: Instruction, numbers: dict[str, int]
) -> Iterator[tuple[int, Request]]:
    """Channels and requests of an instruction, column by column."""
    if instruction.command is None:
        return
    name, command = instruction.command, device.commands[instruction.command]
    mask = numbers.get("mask", numbers.get("mask_of_one", 2**32 - 1))
    channels = [31 - bit for bit in range(32) if mask >> bit & 1]
    if "channel" in numbers:
        channels = [numbers["channel"]]
    place = divmod(numbers["bank"], 4) if "bank" in numbers else None
    row, blocks = numbers.get("row", -1), instruction.blocking
    for _ in range(numbers.get("opsize", 1)):
        for channel in channels:
            yield channel, Request(name, command.kind, command.mode, place, row, blocks)


class Simulator:
    """The dispatcher, with the instructions that are left, and its channels."""

    def __init__(self, device: Device, lines: Sequence[str]) -> None:
        self.device = device
        self.trace = deque(lines)
        self.channels = [Channel(device) for _ in range(32)]
        self.pending = [deque[Request]() for _ in self.channels]
        self.registers = [0, 0, 0]
        self.stalled = 0
        self.head_ends = False

    def dispatch(self) -> None:
        """The dispatcher's share of a cycle."""
        waited = any(self.pending)
        for channel, waiting in zip(self.channels, self.pending, strict=True):
            while waiting and channel.send(waiting[0]):
                waiting.popleft()
        if self.stalled:
            return
        if not waited:
            self.decode()
        if not self.stalled and not any(self.pending):
            self.trace.popleft()

    def decode(self) -> None:
        words = self.trace[0].split()
        instruction = self.device.instructions[" ".join(words[:2])]
        numbers = dict[str, int](zip(instruction.fields, map(int, words[2:]), strict=True))
        if "value" in numbers:
            self.registers[numbers["register"]] = numbers["value"]
        if instruction.row is not None:
            numbers["row"] = instruction.row.plus + self.registers[instruction.row.register]
        for number, request in expanded(self.device, instruction, numbers):
            self.stalled += request.blocks
            if self.pending[number] or not self.channels[number].send(request):
                self.pending[number].append(request)
        self.head_ends = instruction.ends

    def has_ended(self) -> bool:
        """Whether the trace ends in this cycle, which all channels take part in."""
        back = sum(channel.tick() for channel in self.channels)
        self.stalled -= back
        if back == 0 or self.stalled:
            return False
        self.trace.popleft()
        return self.head_ends


def run(device: Device, lines: Sequence[str]) -> int:
    """The cycles of a trace that ends in an instruction that says so."""
    simulator = Simulator(device, lines)
    for cycle in count(1):
        simulator.dispatch()
        if simulator.has_ended():
            return cycle
    raise AssertionError("cycles do not run out")
