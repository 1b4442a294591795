"""Cycle-level simulation of command streams, by what a device file says of its timing.

`simulate_program` and `simulate_trace` are the way in. Tables of the device (`tables`) drive three
engines, one for each controller policy (`in_order`, `fr_fcfs`, `dispatch`), which read blocks of
requests (`program_input`, `trace_input`) or instructions (`instruction_input`).
"""

from pim_opt.sim.timing.result import Result, one_after_the_other
from pim_opt.sim.timing.simulate import TimingError, simulate_program, simulate_trace
from pim_opt.sim.timing.trace_input import TraceError

__all__ = [
    "Result",
    "TimingError",
    "TraceError",
    "one_after_the_other",
    "simulate_program",
    "simulate_trace",
]
