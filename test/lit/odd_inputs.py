"""Writes the inputs of tool/limits.mlir, too large or too odd to be kept, into a folder."""

import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Exit code 0."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)

    def nested(opening: str, inner: str, closing: str, depth: int) -> str:
        return opening * depth + inner + closing * depth

    texts = {
        "regions.mlir": nested('"builtin.module"() ({\n', "", "}) : () -> ()\n", 2000),
        "attribute.mlir": f"module attributes {{a = {nested('[', '', ']', 10_000)}}} {{}}\n",
        "type.mlir": f"func.func private @f({nested('tuple<', 'f32', '>', 3000)})\n",
        "location.mlir": f"module {{}} loc({nested('fused[', 'unknown', ']', 3000)})\n",
        "parentheses.mlir": _with_map(nested("(", "d0", ")", 5000)),
        "sum.mlir": _with_map(" + ".join(["d0"] * 5000)),
        "pipeline.mlir": "",
        "pipeline.txt": nested("builtin.module(", "cse", ")", 3000),
        "chain.mlir": _chain(3000),
        "dense.mlir": _with_constant(1_250_000),
        "empty.mlir": "",
        "comment.mlir": "// nothing\n",
        "crlf.mlir": "func.func @crlf() {\r\n  func.return\r\n}\r\n",
        "string.mlir": f'module attributes {{a = "{"a" * 10_000}\n',
        "nul.mlir": "func.func @f() {\0}\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    (folder / "binary.mlir").write_bytes(bytes(range(256)))
    return 0


def _with_map(expression: str) -> str:
    return f"module attributes {{m = affine_map<(d0) -> ({expression})>}} {{}}\n"


def _chain(length: int) -> str:
    lines = [f"  %{i + 1} = arith.addi %{i}, %{i} : i32\n" for i in range(length)]
    body = "".join(lines)
    return f"func.func @chain(%0: i32) -> i32 {{\n{body}  func.return %{length} : i32\n}}\n"


def _with_constant(elements: int) -> str:
    """A module with a constant of 5 MB, twice as many hexadecimal digits."""
    digits = "0000C03F" * elements
    value = f'dense<"0x{digits}"> : tensor<{elements}xf32>'
    return f"module attributes {{a = {value}}} {{}}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
