"""Where things are in the state of the engine."""

from pim_opt.sim.timing.layout import ENGINE_AT

READ_QUEUE, WRITE_QUEUE, PIM_QUEUE, ACTIVE_QUEUE, REFRESH_QUEUE = range(5)
QUEUES = 4
"""Queues of requests; the refreshes that wait are only counted."""

# Words of an entry of a queue.
(
    COMMAND,
    BANK,
    ROW,
    COLUMN,
    ADDRESS,
    ARRIVAL,
    NEXT,  # the command that brings it on, found when ROWS_VERSION was NEXT_AT
    NEXT_AT,
    READY,  # when that may issue, found when ISSUED_VERSION was READY_AT
    AFTER_COLUMNS,  # .. as far as column commands go
    READY_AT,
    MISSED,
) = range(12)
OPERAND = 12

# Parts of a group's state.
ITEMS, ENTRIES, FREE, ERAS, OPEN = range(ENGINE_AT, ENGINE_AT + 5)

# The first words of a group's state.
(
    DRAINS_WRITES,
    SERVES_PIM,
    ROWS_VERSION,  # counts changes of open rows
    ISSUED_VERSION,  # counts commands
    REFRESHES,  # that wait
    REFRESHED,  # members served so far
    REFRESH_DUE,
    LAST_RETURN,  # when the last read retires
    COMPLETED,
    PROGRESS,  # the last cycle in which a request was taken or finished
    CHANGED,  # the last cycle in which a queue lost a request
    OPEN_BANKS,
    LAST_COLUMN,
    LAST_CAUSE,
    SAW_REFRESH,  # since the last column command
    SAW_BARRIER,
    FREE_ENTRIES,
    MEMO_VERSION,
    MEMO_SPAN,
    MEMO_BASE,
    MEMO_ROW,
    MEMO_FIT,
    HITS,
    MISSES,
    LENGTHS,  # of the queues; from here on there is a word for each of them
) = range(25)
LEAST, LEAST_AT, LEAST_OF = range(LENGTHS + QUEUES, LENGTHS + 4 * QUEUES, QUEUES)

# Words that all groups share.
NOW, FRONTEND_AT, POSITION, BLOCKED, END, LOGGED, WAKES = range(7)
"""From WAKES on: per group the next cycle in which it can do something."""

FITS, MUST_OPEN, MUST_CLOSE = range(3)
NONE = -1
