"""Where things are in the state of the engine."""

from pim_opt.sim.timing.layout import ENGINE_AT

# Words of a request in the window.
COMMAND, BANK, ROW, COLUMN, DEMAND = range(5)
OPERAND = 5

# Words of a demand: the row it wants, who wants it, and what it waits for.
D_SPAN, D_BASE, D_ROW, D_OPENER, D_CLOSER, D_USERS, D_BLOCKERS, D_NEXT, D_FROM, D_MISSED = range(10)
DEMAND_WORDS = 10

# Parts of a group's state.
REQUESTS, DEMANDS, FREE, ORDER, OPEN_ROWS = range(ENGINE_AT, ENGINE_AT + 5)

# The first words of a group's state.
(
    HEAD,  # of the window: the place in its ring of the next request to issue
    COUNT,  # requests in the window
    ACTIVE,  # demands in force
    WAITING,  # of these, those that may act and whose rows are not open
    TIME,  # of the last column command: the window's contents date from then
    LAST_COLUMN,
    LAST_ROW,
    FLOOR,  # no request acts before this cycle, because of a barrier
    COMPLETED,  # when all that has issued has completed
    COMPLETED_CAUSE,
    MARK,  # cycles before this one are attributed
    LAST_CAUSE,
    SAW_REFRESH,  # since the last column command
    REFRESH_DUE,
    REFRESHED,  # members served of the refresh that is due
    REFRESH_END,
    HITS,
    MISSES,
    FIRST,  # of the group's requests in the order of the block
    GIVEN,
    TAKEN,
    NAMED,  # by the barriers that are being read
) = range(22)

# Words that all groups share.
POSITION, IN_BARRIERS, END, LOGGED = range(4)

NONE = -1
CLOSED = -1
