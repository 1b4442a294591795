"""Row commands and refreshes."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.constraints import (
    command_field,
    note_issue,
    ready_after_columns,
    ready_after_rows,
)
from pim_opt.sim.timing.in_order.columns import complete
from pim_opt.sim.timing.in_order.demands import let_act, needed
from pim_opt.sim.timing.in_order.layout import (
    ACTIVE,
    CLOSED,
    D_BASE,
    D_BLOCKERS,
    D_FROM,
    D_MISSED,
    D_NEXT,
    D_ROW,
    FLOOR,
    LAST_ROW,
    NONE,
    OPEN_ROWS,
    ORDER,
    REFRESH_DUE,
    REFRESH_END,
    REFRESHED,
    SAW_REFRESH,
    WAITING,
)
from pim_opt.sim.timing.layout import (
    BANKS,
    BASE_AT,
    CLOSER,
    COUNTS_AT,
    MEMBER_AT,
    NEVER,
    OPENS,
    PATHS,
    REFRESH_COMMAND,
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    SPAN,
)


@part
def next_row(t: Words, c: Words) -> tuple[int, int]:
    """The demand whose row command comes next, and its cycle; the oldest of those at once."""
    best, best_at = NONE, NEVER
    for i in range(c[ACTIVE]):
        d = c[t[ORDER] + i]
        if c[d + D_BLOCKERS] > 0 or c[d + D_NEXT] == NONE:
            continue
        command, base = c[d + D_NEXT], c[d + D_BASE]
        at = max(ready_after_rows(t, c, command, base), c[d + D_FROM], c[FLOOR])
        at = max(at, ready_after_columns(t, c, command, base, NONE), c[LAST_ROW] + 1)
        if at < best_at:
            best, best_at = d, at
    return best, best_at


@part
def _issue_row(t: Words, c: Words, command: int, path: int, row: int, cycle: int) -> None:
    """Issue a row command or refresh on the banks that it spans from a path."""
    note_issue(t, c, command, path, NONE, cycle)
    c[t[COUNTS_AT] + command] += 1
    c[LAST_ROW] = cycle
    complete(t, c, command, cycle)
    span = command_field(t, command, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + path]
    opened = row if command_field(t, command, OPENS) else CLOSED
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        c[t[OPEN_ROWS] + base + t[i]] = opened


@part
def advance_demand(t: Words, c: Words, d: int, cycle: int) -> None:
    """Issue a demand's next row command."""
    _issue_row(t, c, c[d + D_NEXT], c[d + D_BASE], c[d + D_ROW], cycle)
    c[d + D_MISSED] = 1
    c[d + D_NEXT] = needed(t, c, d)
    if c[d + D_NEXT] == NONE:
        c[WAITING] -= 1


@part
def refresh_path(t: Words, c: Words) -> int:
    return t[BANKS] + c[REFRESHED]


@part
def refresh_command(t: Words, c: Words) -> int:
    """What the refresh that is due needs next: its banks closed, then itself."""
    refresh = t[REFRESH_COMMAND]
    span = command_field(t, refresh, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + refresh_path(t, c)]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if c[t[OPEN_ROWS] + base + t[i]] != CLOSED:
            return command_field(t, refresh, CLOSER)
    return refresh


@part
def refresh_ready_at(t: Words, c: Words) -> int:
    """The cycle of the next command of the refresh that comes."""
    if t[REFRESH_COMMAND] == NONE:
        return NEVER
    command, path = refresh_command(t, c), refresh_path(t, c)
    at = max(c[REFRESH_DUE], c[LAST_ROW] + 1)
    ready = max(
        ready_after_columns(t, c, command, path, NONE), ready_after_rows(t, c, command, path)
    )
    return max(at, ready)


@part
def advance_refresh(t: Words, c: Words, cycle: int) -> None:
    """Issue the next command of a refresh; after the last one, demands begin anew."""
    command = refresh_command(t, c)
    _issue_row(t, c, command, refresh_path(t, c), NONE, cycle)
    c[SAW_REFRESH] = 1
    if command != t[REFRESH_COMMAND]:
        return
    c[REFRESHED] += 1
    if c[REFRESHED] < t[REFRESH_MEMBERS]:
        return
    c[REFRESHED] = 0
    c[REFRESH_DUE] += t[REFRESH_INTERVAL]
    c[REFRESH_END] = cycle
    c[WAITING] = 0
    for i in range(c[ACTIVE]):
        d = c[t[ORDER] + i]
        if c[d + D_BLOCKERS] == 0:
            let_act(t, c, d, c[d + D_FROM])
