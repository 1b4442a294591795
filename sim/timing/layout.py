"""Where things are in the tables of a device, and the codes that stand there."""

ROW_BUS, COLUMN_BUS, NO_BUS = range(3)

ADDRESSED = 0
"""Number of the span set that spans nothing: its base is the first bank of a path."""

CAUSES = (
    "mac",
    "row",
    "operand_load",
    "result_move",
    "host",
    "refresh",
    "barrier",
    "other",
)
"""What a cycle is spent on."""
ROW_CAUSE, REFRESH_CAUSE = CAUSES.index("row"), CAUSES.index("refresh")
BARRIER_CAUSE, OTHER_CAUSE = CAUSES.index("barrier"), CAUSES.index("other")

READS, WRITES, BARS, PIM = range(4)
"""Roles of a command in the controller."""

# Fields of a command in the tables.
BUS, CAUSE, ROLE, NEEDS_ROW, OPENS, CLOSES, SPAN, OPENER, CLOSER, COMPLETION, MODE = range(11)
COMMAND_FIELDS = 11

ANY_MODE = -1
"""The mode of a command that needs none."""

WHOLE_FILE = -1
"""Operand position of a command that uses all entries of a register file at once."""
ANY_ENTRY, ALL_ENTRIES, FIRST_ENTRY = range(3)
"""Slots of a register file: raised for entries not known, for any entry, for entry 0 and so on."""

NEVER = 1 << 60
"""A cycle that does not come."""

# The tables are one array, so that kernels pass it round in registers. It begins with these values;
# those whose names end in _AT are the places where a table begins.
(
    PATHS,
    BANKS,
    COMMANDS,
    OPERANDS,
    WINDOW,
    DRAIN_START,
    DRAIN_STOP,
    FORWARDING,
    KEEPS_ROWS,
    PATIENCE,  # cycles without a finished request after which a controller is stuck for good
    REFRESH_COMMAND,  # -1 for a device without refresh
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    MODE_COMMAND,  # -1 for a controller without modes
    COMMAND_AT,  # per command its fields
    WATCH_AT,  # per command and path the places of three lists of slots: see _Compiler.watch
    ENTRY_WATCH_AT,  # .. of slots and operand positions
    RAISE_AT,  # .. of slots and latencies
    WINDOW_RAISE_AT,  # .. of ring, slot, latency, commands that the ring counts
    ENTRY_RAISE_AT,  # .. of slot, operand position, latency
    BASE_AT,  # per span set and path the first bank of those acted on
    MEMBER_AT,  # per span set the place of its list of offsets from the base, ascending
    UNION_AT,  # per two span sets the one that spans what either does
    COUNTS_AT,  # in a group's state: commands issued, by number
    CAUSES_AT,  # .. cycles by cause
    ENGINE_AT,  # .. the engine's own
) = range(26)
ENGINE_WORDS = 48
"""The engine's own words, with which the state of a group begins."""
ENGINE_PLACES = 9
HEADER = ENGINE_AT + ENGINE_PLACES
