"""The published controller, cycle by cycle, in the plainest way: what fr_fcfs must equal.

It recomputes everything in every cycle, and shares no code with the engine: it reads the device's
commands and constraints, not the tables compiled from them.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product

from pim_opt.devices import Device

NO_CYCLE = -(10**9)


@dataclass(eq=False)
class Request:
    """A request on its way; `bank` are its coordinates below the group."""

    command: str
    group: int
    bank: tuple[int, ...]
    row: int
    address: int
    arrival: int = 0


@dataclass
class Controller:
    """One group's queues, banks and constraints."""

    device: Device
    group: int
    active: list[Request] = field(default_factory=list[Request])
    priority: list[Request] = field(default_factory=list[Request])
    read: list[Request] = field(default_factory=list[Request])
    write: list[Request] = field(default_factory=list[Request])
    pim: list[Request] = field(default_factory=list[Request])
    pending: list[int] = field(default_factory=list[int])
    rows: dict[tuple[int, ...], set[int]] = field(default_factory=dict[tuple[int, ...], set[int]])
    """Per open bank its open rows."""
    history: dict[tuple[str, tuple[int, ...]], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Per command and member of a level, the cycles in which it was issued there."""
    write_mode: bool = False
    is_pim: bool = False
    clock: int = 0

    @property
    def limit(self) -> int:
        return self.device.controller.window

    # Organisation

    def banks(self, command: str, bank: tuple[int, ...]) -> list[tuple[int, ...]]:
        """All banks that a command spans, in order."""
        spans = self.device.commands[command].spans
        choices = [
            range(level.count) if level.name in spans or i >= len(bank) else [bank[i]]
            for i, level in enumerate(self.device.core_levels)
        ]
        return list(product(*choices))

    def depth(self, level: str) -> int:
        names = [self.device.group, *(lv.name for lv in self.device.core_levels)]
        return names.index(level)

    # Rows

    def next_command(self, request: Request) -> str:
        command = self.device.commands[request.command]
        if command.kind == "refresh":
            _, closer = self.device.row_commands(command.spans)
            return closer if self.rows else request.command
        if not command.row:
            return request.command
        opener, closer = self.device.rows_by(request.command)
        for bank in self.banks(request.command, request.bank):
            if bank not in self.rows:
                return opener
            if request.row not in self.rows[bank]:
                return closer
        return request.command

    def change_rows(self, command: str, request: Request) -> None:
        for bank in self.banks(command, request.bank):
            if self.device.commands[command].opens:
                self.rows.setdefault(bank, set()).add(request.row)
            if self.device.commands[command].closes:
                self.rows.pop(bank, None)

    # Constraints

    def ready(self, request: Request) -> bool:
        """Whether no constraint, at any level that the command heeds, keeps it waiting."""
        command = self.next_command(request)
        scope = self.device.commands[command].scope
        innermost = len(request.bank) if scope is None else self.depth(scope)
        for row in self.device.timing.constraints:
            depth = self.depth(row.level)
            if command not in row.following or depth > min(innermost, len(request.bank)):
                continue
            latency = self.device.timing.cycles(row.latency)
            for preceding in row.preceding:
                for cycle in self.counted(row.window, preceding, request.bank[:depth], row.also_at):
                    if self.clock < cycle + latency:
                        return False
        return True

    def counted(
        self, window: int, preceding: str, node: tuple[int, ...], also_at: dict[str, str]
    ) -> list[int]:
        """Cycles from which a row counts at a member of a level."""
        cycles = self.history[preceding, node][-window:]
        found = cycles[:1] if len(cycles) == window else []
        if also_at:
            for (command, other), others in list(self.history.items()):
                same_level = command == preceding and len(other) == len(node)
                if same_level and others and self.reaches(other, node, also_at):
                    found.append(others[-1])
        return found

    def reaches(
        self, other: tuple[int, ...], node: tuple[int, ...], also_at: dict[str, str]
    ) -> bool:
        """Whether a command at `other` counts at `node` by the row's `also_at`."""
        for i, level in enumerate(self.device.core_levels):
            origin = also_at.get(level.name, level.name)
            if origin != "*" and node[i] != other[self.depth(origin) - 1]:
                return False
        return True

    def issue(self, command: str, request: Request) -> None:
        for depth in range(len(request.bank) + 1):
            self.history[command, request.bank[:depth]].append(self.clock)
        self.change_rows(command, request)

    # Queues

    def queue(self, request: Request) -> list[Request]:
        kind = self.device.commands[request.command].kind
        return {"host_read": self.read, "host_write": self.write}.get(kind, self.pim)

    def idle(self) -> bool:
        return not (self.active or self.read or self.write or self.pim)

    def send(self, request: Request) -> bool:
        kind = self.device.commands[request.command].kind
        if kind == "barrier" and not self.idle():
            return False
        if kind == "host_read" and any(w.address == request.address for w in self.write):
            self.pending.append(self.clock + 1)
            return True
        queue = self.queue(request)
        if len(queue) == self.limit:
            return False
        request.arrival = self.clock
        queue.append(request)
        return True

    def pick(self, queue: list[Request]) -> Request | None:
        hits = {
            r.bank
            for r in queue
            if self.device.commands[r.command].row and self.next_command(r) == r.command
        }
        if queue and self.device.commands[queue[0].command].kind == "barrier":
            queue.pop(0)
        if not queue:
            return None
        best = queue[0]
        for other in queue[1:]:
            best = self.better(best, other, hits)
        return best

    def better(self, a: Request, b: Request, hits: set[tuple[int, ...]]) -> Request:
        ready_a, ready_b = self.ready(a), self.ready(b)
        if ready_a and not ready_b:
            return a
        if ready_b and not ready_a:
            is_hit = self.device.commands[b.command].row and self.next_command(b) == b.command
            return a if not is_hit and b.bank in hits else b
        return b if b.arrival < a.arrival else a

    # Scheduling

    def bus(self, request: Request) -> str:
        return self.device.command_bus(self.next_command(request))

    def schedule(self, taken: str | None) -> tuple[bool, Request | None, list[Request]]:
        """Whether something was found, what was looked at last, and its queue."""

        def suits(request: Request) -> bool:
            if taken is None:
                return True
            return {taken, self.bus(request)} == {"row", "column"}

        choice = self.pick(self.active)
        if choice is not None and self.ready(choice) and suits(choice):
            return self.guarded(choice, self.active)
        if self.priority and suits(self.priority[0]):
            if self.ready(self.priority[0]):
                self.is_pim = False
                return True, self.priority[0], self.priority
            return False, self.priority[0], self.priority
        self.is_pim = False
        choice = self.pick(self.pim)
        if choice is not None and suits(choice) and self.ready(choice):
            self.is_pim = True
            return self.guarded(choice, self.pim)
        queue = self.host_queue()
        choice = self.pick(queue)
        if choice is not None and suits(choice) and self.ready(choice):
            return self.guarded(choice, queue)
        return False, choice, queue

    def guarded(self, choice: Request, queue: list[Request]) -> tuple[bool, Request, list[Request]]:
        closes = self.device.commands[self.next_command(choice)].closes
        return not (closes and any(r.bank == choice.bank for r in self.active)), choice, queue

    def host_queue(self) -> list[Request]:
        drain = self.device.controller.write_drain
        assert drain is not None
        if not self.write_mode:
            self.write_mode = len(self.write) >= drain.start or not self.read
        elif len(self.write) <= drain.stop and self.read:
            self.write_mode = False
        return self.write if self.write_mode else self.read

    def serve(self, request: Request, queue: list[Request]) -> None:
        command = self.next_command(request)
        self.issue(command, request)
        if command == request.command:
            queue.remove(request)
            if self.device.commands[command].kind == "host_read":
                latency = self.device.timing.cycles(self.device.timing.completion[command])
                self.pending.append(self.clock + latency)
        elif self.device.commands[command].opens and not self.is_pim:
            has_room = len(self.active) < self.limit
            queue.remove(request)
            if has_room:
                self.active.append(request)

    def tick(self) -> None:
        self.clock += 1
        if self.pending and self.pending[0] <= self.clock:
            self.pending.pop(0)
        refresh = self.device.refresh
        assert refresh is not None
        if self.clock % self.device.timing.values[refresh.interval] == 0:
            for i in range(self.device.level(refresh.per or "").count):
                self.priority.append(Request(refresh.command, self.group, (i,), 0, 0))
        found, request, queue = self.schedule(None)
        taken = "none" if request is None else self.bus(request)
        if found and request is not None:
            self.serve(request, queue)
        found, request, queue = self.schedule(taken)
        if found and request is not None:
            self.serve(request, queue)


def run(device: Device, requests: list[Request], limit: int) -> int | None:
    """The end cycle of a stream, or None if it has not ended after `limit` cycles."""
    controllers = [Controller(device, group) for group in range(device.groups)]
    position = 0
    for cycle in range(1, limit + 1):
        while position < len(requests):
            request = requests[position]
            if not controllers[request.group].send(request):
                break
            position += 1
        for controller in controllers:
            controller.tick()
        waiting = any(not c.idle() or c.priority or c.pending for c in controllers)
        if position == len(requests) and not waiting:
            return cycle
    return None
