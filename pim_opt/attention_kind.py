"""Decode attention as linalg on tensors, in f16 with a softmax in f32."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

Loops = Sequence[str]


@dataclass(frozen=True)
class _Writer:
    """Writes generics over loops of these sizes."""

    sizes: dict[str, int]

    def type(self, loops: Loops, element: str = "f32") -> str:
        return f"tensor<{''.join(f'{self.sizes[loop]}x' for loop in loops)}{element}>"

    def generic(
        self,
        name: str,
        inputs: Mapping[str, tuple[Loops, str]],
        result: tuple[Loops, str],
        initial: str | None,
        body: Sequence[str],
    ) -> str:
        """One op; `inputs` are values with their loops and elements, and `body` uses %<value>0.

        Args:
            initial: the constant that a reduction starts from.
        """
        loops = list(dict.fromkeys(loop for axes, _ in inputs.values() for loop in axes))
        axes, element = result
        maps = [f"affine_map<({', '.join(loops)}) -> ({', '.join(a)})>" for a, _ in inputs.values()]
        maps.append(f"affine_map<({', '.join(loops)}) -> ({', '.join(axes)})>")
        kinds = [f'"{"parallel" if loop in axes else "reduction"}"' for loop in loops]
        types = [self.type(*one) for one in inputs.values()]
        outcome, start = self.type(*result), f"%{name}_empty"
        lines = [f"{start} = tensor.empty() : {outcome}"]
        if initial is not None:
            lines.append(
                f"%{name}_init = linalg.fill ins({initial} : {element}) outs({start} : {outcome})"
                f" -> {outcome}"
            )
            start = f"%{name}_init"
        arguments = [f"%{value}0: {one}" for value, (_, one) in inputs.items()]
        lines += [
            f"%{name} = linalg.generic {{indexing_maps = [{', '.join(maps)}],",
            f"    iterator_types = [{', '.join(kinds)}]}}",
            f"    ins({', '.join(f'%{value}' for value in inputs)} : {', '.join(types)})",
            f"    outs({start} : {outcome}) {{",
            f"^bb0({', '.join(arguments)}, %old: {element}):",
            *(f"  {line}" for line in body),
            f"}} -> {outcome}",
        ]
        return "\n".join(f"  {line}" for line in lines)


def attention(
    batch: int, heads: int, kv_heads: int, headsize: int, length: int, *, masked: bool = False
) -> str:
    """y[b, h] = softmax(q[b, h] K[b, h / (heads / kv_heads)]^T / sqrt(headsize) + m[b]) V[..].

    Args:
        masked: whether there is a mask m, of a value for each request and position.

    Raises:
        ValueError: the heads do not divide into equal groups.
    """
    if heads % kv_heads:
        raise ValueError(f"{heads} heads do not share {kv_heads} KV heads evenly")
    sizes = {"b": batch, "h": kv_heads, "g": heads // kv_heads, "n": length}
    w = _Writer(sizes | {"d": headsize, "e": headsize})
    q, k, v = ("b", "h", "g", "d"), ("b", "h", "n", "d"), ("b", "h", "n", "e")
    s, row, y = ("b", "h", "g", "n"), ("b", "h", "g"), ("b", "h", "g", "e")
    product = [
        "%a1 = arith.extf %{0}0 : f16 to f32", "%b1 = arith.extf %{1}0 : f16 to f32",
        "%ab = arith.mulf %a1, %b1 : f32", "%r = arith.addf %old, %ab : f32",
        "linalg.yield %r : f32",
    ]  # fmt: skip

    def product_of(one: str, other: str) -> list[str]:
        return [line.format(one, other) for line in product]

    qk, pv = {"q": (q, "f16"), "k": (k, "f16")}, {"p": (s, "f16"), "v": (v, "f16")}
    arguments = {"q": q, "k": k, "v": v} | ({"mask": ("b", "n")} if masked else {})
    scores = {"s": (s, "f32")} | ({"mask": (arguments["mask"], "f16")} if masked else {})
    scaled = ["%r = arith.mulf %s0, %scale : f32", "linalg.yield %r : f32"]
    if masked:
        scaled = [
            "%c = arith.mulf %s0, %scale : f32", "%w = arith.extf %mask0 : f16 to f32",
            "%r = arith.addf %c, %w : f32", "linalg.yield %r : f32",
        ]  # fmt: skip
    ops = [
        w.generic("s", qk, (s, "f32"), "%zero", product_of("q", "k")),
        w.generic("t", scores, (s, "f32"), None, scaled),
        w.generic("m", {"t": (s, "f32")}, (row, "f32"), "%lowest",
                  ["%r = arith.maximumf %t0, %old : f32", "linalg.yield %r : f32"]),
        w.generic("x", {"t": (s, "f32"), "m": (row, "f32")}, (s, "f32"), None,
                  ["%d = arith.subf %t0, %m0 : f32", "%r = math.exp %d : f32",
                   "linalg.yield %r : f32"]),
        w.generic("z", {"x": (s, "f32")}, (row, "f32"), "%zero",
                  ["%r = arith.addf %x0, %old : f32", "linalg.yield %r : f32"]),
        w.generic("p", {"x": (s, "f32"), "z": (row, "f32")}, (s, "f16"), None,
                  ["%d = arith.divf %x0, %z0 : f32", "%r = arith.truncf %d : f32 to f16",
                   "linalg.yield %r : f16"]),
        w.generic("c", pv, (y, "f32"), "%zero", product_of("p", "v")),
        w.generic("y", {"c": (y, "f32")}, (y, "f16"), None,
                  ["%r = arith.truncf %c0 : f32 to f16", "linalg.yield %r : f16"]),
    ]  # fmt: skip
    given = ", ".join(f"%{name} : {w.type(axes, 'f16')}" for name, axes in arguments.items())
    text = "\n".join(ops)
    return f"""
func.func @attention({given}) -> {w.type(y, "f16")} {{
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %scale = arith.constant {1 / sqrt(headsize):.9e} : f32
{text}
  func.return %y : {w.type(y, "f16")}
}}
"""
