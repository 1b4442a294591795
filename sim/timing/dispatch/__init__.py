"""The engine of a dispatcher that feeds the controllers of all groups with instructions.

The dispatcher takes instructions in the order of the trace, at most one a cycle. It expands each
into sub-requests, one per column and group of its mask, and goes on only when all of them are in
their groups' queues and, for a blocking instruction, have come back. A group's controller issues at
most one command a cycle: first the oldest ready host access whose row was just opened, then the
head of its queue of instructions, then, if that is empty, the oldest ready of its host accesses.
A command that needs another mode than the controller's is preceded by a change of mode.

Every step is that of a cycle-by-cycle simulation. A controller is looked at in a cycle if a request
arrived, and when something that it waits for is due; nothing else can change what it does.

In the kernel, `t` are the tables, `c` the state of one group, `now` the cycle, `e` the place of an
entry of a queue in the state, `shared` what belongs to the dispatcher.
"""
