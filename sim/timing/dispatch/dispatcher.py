"""The dispatcher: instructions become sub-requests in the queues of groups."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.dispatch.layout import (
    BANK_NUMBER,
    BLOCKING,
    DISPATCH_AT,
    END,
    GROUP_WORDS,
    I_BLOCKS,
    I_COMMAND,
    I_ENDS,
    LEFT,
    LEFT_OVER,
    MASK,
    NONE,
    NOW,
    NUMBER,
    OPSIZE,
    POSITION,
    ROW_NUMBER,
    WAKE,
)
from pim_opt.sim.timing.dispatch.queues import send
from pim_opt.sim.timing.layout import NEVER


@part
def finish_head(shared: Words) -> None:
    """The head is done: the next instruction's turn comes in the next cycle."""
    shared[POSITION] += 1
    shared[DISPATCH_AT] = shared[NOW] + 1


@part
def come_back(shared: Words, requests: Lines, instructions: Lines) -> None:
    """A sub-request of a blocking head has come back."""
    shared[BLOCKING] -= 1
    if shared[BLOCKING] > 0:
        return
    if instructions[requests[shared[POSITION], NUMBER], I_ENDS]:
        shared[END] = shared[NOW]
    finish_head(shared)


@part
def _send_left(
    t: Words, groups: Lines, shared: Words, requests: Lines, instructions: Lines
) -> None:
    """Send what groups have left to take of the head, column by column, until they refuse."""
    request = requests[shared[POSITION]]
    command = instructions[request[NUMBER], I_COMMAND]
    blocks = instructions[request[NUMBER], I_BLOCKS]
    for g in range(len(groups)):
        left = GROUP_WORDS + 2 * g + LEFT_OVER
        while shared[left] > 0:
            column = request[OPSIZE] - shared[left]
            bank, row = request[BANK_NUMBER], request[ROW_NUMBER]
            if not send(t, groups[g], shared[NOW], command, bank, row, column, blocks):
                break
            shared[left] -= 1
            shared[LEFT] -= 1
            shared[GROUP_WORDS + 2 * g + WAKE] = shared[NOW]


@part
def _expand(groups: int, shared: Words, requests: Lines, instructions: Lines) -> None:
    """All that the head consists of is left to send."""
    request = requests[shared[POSITION]]
    if instructions[request[NUMBER], I_COMMAND] == NONE:
        return
    for g in range(groups):
        if request[MASK] >> g & 1:
            shared[GROUP_WORDS + 2 * g + LEFT_OVER] = request[OPSIZE]
            shared[LEFT] += request[OPSIZE]
    if instructions[request[NUMBER], I_BLOCKS]:
        shared[BLOCKING] = shared[LEFT]


@part
def dispatch(t: Words, groups: Lines, shared: Words, requests: Lines, instructions: Lines) -> None:
    """A cycle of the dispatcher, which has an instruction at its head.

    It acts again when it has finished one, or when a group that has refused some has taken others
    out of its queues.
    """
    shared[DISPATCH_AT] = NEVER
    if shared[LEFT] == 0:
        _expand(len(groups), shared, requests, instructions)
    _send_left(t, groups, shared, requests, instructions)
    if shared[LEFT] == 0 and shared[BLOCKING] == 0:
        finish_head(shared)
