"""Output of the tools, which its reader may stop reading."""

import os
import sys
from collections.abc import Callable

NOBODY_READS = 141
"""Exit code that shells give a process which SIGPIPE ended."""


def exit_code(run: Callable[[], int]) -> int:
    """What `run` gives, once its output is out; or NOBODY_READS, as in `pimc tune .. | head -1`."""
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    return code
