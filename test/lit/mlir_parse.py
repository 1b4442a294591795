"""Parses MLIR text on standard input with MLIR itself and writes it in generic form."""

import sys
from collections.abc import Sequence

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.mlir_bridge import run_pipeline


def main(arguments: Sequence[str] = ()) -> int:
    """Exit code 0, or 1 if MLIR refuses the text."""
    try:
        sys.stdout.write(run_pipeline(sys.stdin.read(), "builtin.module()"))
    except DiagnosticError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
