"""Demands: the rows that requests in the window need, oldest first."""

from pim_opt.cost.jit import inlined, part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.in_order.layout import (
    ACTIVE,
    CLOSED,
    D_BASE,
    D_BLOCKERS,
    D_CLOSER,
    D_FROM,
    D_MISSED,
    D_NEXT,
    D_OPENER,
    D_ROW,
    D_SPAN,
    D_USERS,
    FREE,
    NONE,
    OPEN_ROWS,
    ORDER,
    TIME,
    WAITING,
)
from pim_opt.sim.timing.layout import BASE_AT, CLOSER, MEMBER_AT, OPENER, PATHS, SPAN, UNION_AT


@part
def _overlap(t: Words, c: Words, d: int, span: int, base: int) -> bool:
    """Whether a demand wants a bank of those that `span` joins from `base`."""
    spans = t[t[UNION_AT] + c[d + D_SPAN] * _span_sets(t) + span]
    bases = t[BASE_AT] + spans * t[PATHS]
    return t[bases + c[d + D_BASE]] == t[bases + base]


@part
def _span_sets(t: Words) -> int:
    return (t[UNION_AT] - t[BASE_AT]) // t[PATHS]


@part
def needed(t: Words, c: Words, d: int) -> int:
    """The row command that a demand needs next: its banks are to be all closed, then all open."""
    closed, fitting = True, True
    start = t[MEMBER_AT] + c[d + D_SPAN]
    for i in range(t[start], t[start + 1]):
        row = c[t[OPEN_ROWS] + c[d + D_BASE] + t[i]]
        closed &= row == CLOSED
        fitting &= row == c[d + D_ROW]
    if fitting:
        return NONE
    return c[d + D_OPENER] if closed else c[d + D_CLOSER]


@part
def let_act(t: Words, c: Words, d: int, cycle: int) -> None:
    """From `cycle` on the banks are the demand's."""
    c[d + D_FROM] = cycle
    c[d + D_NEXT] = needed(t, c, d)
    if c[d + D_NEXT] != NONE:
        c[WAITING] += 1


@inlined
def demand_for(t: Words, c: Words, command: int, bank: int, row: int) -> int:
    """The demand that a request joins, or a new one behind all that overlap it."""
    opener = command_field(t, command, OPENER)
    span = command_field(t, opener, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + bank]
    blockers = 0
    for i in range(c[ACTIVE] - 1, -1, -1):
        d = c[t[ORDER] + i]
        same = c[d + D_ROW] == row and c[d + D_BASE] == base and c[d + D_OPENER] == opener
        if same and blockers == 0:
            c[d + D_USERS] += 1
            return d
        if same or _overlap(t, c, d, span, base):
            blockers += 1
    d = c[t[FREE] + c[ACTIVE]]
    c[t[ORDER] + c[ACTIVE]] = d
    c[ACTIVE] += 1
    c[d + D_SPAN] = span
    c[d + D_BASE] = base
    c[d + D_ROW] = row
    c[d + D_OPENER] = opener
    c[d + D_CLOSER] = command_field(t, command, CLOSER)
    c[d + D_USERS] = 1
    c[d + D_BLOCKERS] = blockers
    c[d + D_NEXT] = NONE
    c[d + D_MISSED] = 0
    if blockers == 0:
        let_act(t, c, d, c[TIME])
    return d


@part
def leave(t: Words, c: Words, d: int, cycle: int) -> None:
    """A request has used its row at `cycle`; the last one frees the banks for later demands."""
    c[d + D_USERS] -= 1
    if c[d + D_USERS] > 0:
        return
    order = t[ORDER]
    at = order
    while c[at] != d:
        at += 1
    c[ACTIVE] -= 1
    for i in range(at, order + c[ACTIVE]):
        later = c[i + 1]
        c[i] = later
        if _overlap(t, c, later, c[d + D_SPAN], c[d + D_BASE]):
            c[later + D_BLOCKERS] -= 1
            if c[later + D_BLOCKERS] == 0:
                let_act(t, c, later, cycle)
    c[t[FREE] + c[ACTIVE]] = d
