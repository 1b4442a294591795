"""Where things are in the state of the engine."""

from pim_opt.sim.timing.layout import ENGINE_AT

# Columns of a block of instructions; NUMBER and the next, always 0, are those that count requests.
NUMBER, _, BANK_NUMBER, ROW_NUMBER, OPSIZE, MASK = range(6)

# Fields of an instruction, by its number.
I_COMMAND, I_BLOCKS, I_ENDS = range(3)

READ_QUEUE, WRITE_QUEUE, PIM_QUEUE, ACTIVE_QUEUE = range(4)
QUEUES = 4

# Words of an entry of a queue.
(
    COMMAND,
    BANK,
    ROW,
    COLUMN,
    ARRIVAL,
    BLOCKS,
    MISSED,
    NEXT,  # the command that brings it on, as its readiness was last asked for
) = range(8)
ENTRY_WORDS = 8

# Parts of a group's state.
ITEMS, ENTRIES, FREE, OPEN_ROWS, UNKNOWN_OPERANDS = range(ENGINE_AT, ENGINE_AT + 5)

# The first words of a group's state.
(
    CURRENT_MODE,
    DRAINS_WRITES,
    LAST_RETURN,  # when the last read so far comes back, one a cycle and in order
    RETURN,  # when a blocking read comes back, NEVER if there is none
    BARRIER_FROM,  # a barrier comes back from then on, once WRITTEN; NEVER if there is none
    BEHIND,  # reads that have issued since that barrier and come back after it
    WRITTEN,  # when all that is not a read has completed
    COMPLETED,
    PROGRESS,  # the last cycle in which a request was taken or finished
    LAST_COLUMN,
    LAST_CAUSE,
    SAW_BARRIER,  # since the last column command
    FREE_ENTRIES,
    HITS,
    MISSES,
    LENGTHS,  # of the queues; from here on there is a word for each of them
) = range(16)

# Words of the dispatcher, before those per group.
(
    NOW,
    DISPATCH_AT,  # the next cycle in which it can do something
    POSITION,  # of the instruction at the head in the block
    LEFT,  # sub-requests of the head that have been refused
    BLOCKING,  # sub-requests of the head that have to come back
    END,
    LOGGED,
) = range(7)
GROUP_WORDS = 7
"""Number of the words above; then come, per group, two words."""
WAKE, LEFT_OVER = range(2)
"""The next cycle in which a group can do something, and its share of LEFT."""

CLOSED = -1
NONE = -1
