"""The engine of the published simulator's controller: first ready, first come, in every queue.

One frontend sends requests in trace order until a queue refuses one, so all groups are simulated
together. Every step is that of a cycle-by-cycle controller; cycles in which no group can do
anything are skipped. A group is looked at in a cycle if a request arrived, in the cycle after any
in which it issued, and whenever a request of it becomes ready.

In the kernel, `t` are the tables, `c` the state of one group, `rows` the rows that are open there,
`now` the cycle, `e` the place of an entry of a queue in the state.
"""
