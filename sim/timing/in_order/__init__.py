"""The engine of the consistent controller: column commands in program order, rows opened ahead.

Each group issues its column commands in order. Meanwhile it opens rows for the requests in its
window, those that come next: banks belong to the first of these that needs a row there, so no row
is closed that an earlier request still needs. Requests in the window that need the same row of the
same banks share a *demand* for it. A refresh that is due holds back all that needs rows until every
bank is closed and refreshed. A barrier lets a group's later commands issue once all earlier ones of
all groups that it names have completed.

Between barriers groups are independent. The engine goes from one command to the next in time; what
it costs does not depend on cycles.

In the kernel, `t` are the tables, `c` the state of one group, `r` the place of a request in the
window, `d` that of a demand.
"""
