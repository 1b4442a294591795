"""MLIR's own JIT as a second oracle: a function on tensors, compiled by LLVM and run on arrays.

It shares nothing with the evaluator but the text of the module. It runs in a child process, since a
call that does not fit its function kills the interpreter.
"""

import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.dialects import mlir_bridge

Array = NDArray[Any]

PIPELINE = (
    "builtin.module(canonicalize,"
    "func.func(linalg-generalize-named-ops,linalg-fuse-elementwise-ops),"
    "eliminate-empty-tensors,empty-tensor-to-alloc-tensor,"
    "one-shot-bufferize{bufferize-function-boundaries=1"
    " function-boundary-type-conversion=identity-layout-map},"
    # Results become arguments, or the call would write through a wild pointer.
    "buffer-results-to-out-params{hoist-static-allocs=true modify-public-functions=true},"
    "canonicalize,func.func(convert-linalg-to-loops),expand-strided-metadata,lower-affine,"
    "convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,convert-arith-to-llvm,"
    "convert-index-to-llvm,convert-cf-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,"
    "reconcile-unrealized-casts)"
)
"""From linalg on tensors to LLVM, with plain loops and no vectors."""

_MODULE, _ARGUMENTS, _RESULTS = "module.mlir", "arguments.npz", "results.npz"


class JitError(Exception):
    """MLIR cannot compile or run the function."""


def available() -> bool:
    """Whether the installed bindings of MLIR have a JIT; not all do."""
    package = mlir_bridge.installed_package()
    return package is not None and importlib.util.find_spec(f"{package}.runtime") is not None


def run_jit(module: str, arguments: Sequence[Array]) -> list[Array]:
    """The results of the only function of a module.

    Args:
        module: MLIR text with one function, on tensors of static shape.
        arguments: one array per argument, of its shape and element type.

    Raises:
        JitError: with what MLIR said.
    """
    with TemporaryDirectory() as folder:
        work = Path(folder)
        (work / _MODULE).write_text(module, encoding="utf-8")
        _save(work / _ARGUMENTS, arguments)
        command = [sys.executable, "-m", "pim_opt.sim.mlir_jit", folder]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode != 0:
            raise JitError(f"exit code {child.returncode}: {child.stderr.strip()}")
        return _load(work / _RESULTS)


def _save(path: Path, arrays: Sequence[Array]) -> None:
    named: dict[str, Any] = {str(i): array for i, array in enumerate(arrays)}
    np.savez(path, **named)


def _load(path: Path) -> list[Array]:
    with np.load(path) as file:
        return [file[str(i)] for i in range(len(file.files))]


# In the child


def _main(folder: str) -> None:
    work = Path(folder)
    arguments = _load(work / _ARGUMENTS)
    text = (work / _MODULE).read_text(encoding="utf-8")
    _save(work / _RESULTS, _compile_and_call(text, arguments))


def _compile_and_call(text: str, arguments: Sequence[Array]) -> list[Array]:
    ir = mlir_bridge.bindings("ir")
    with ir.Context():
        module = ir.Module.parse(text)
        (function,) = (op for op in module.body.operations if op.operation.name == "func.func")
        function.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
        results = [np.zeros(type_.shape, _dtype(type_)) for type_ in function.type.results]
        name = str(function.name.value)
        mlir_bridge.bindings("passmanager").PassManager.parse(PIPELINE).run(module.operation)
        engine = mlir_bridge.bindings("execution_engine").ExecutionEngine(module)
        # Copies between strided buffers call a runtime function that no wheel brings.
        copy = _memref_copy()
        engine.raw_register_runtime("memrefCopy", ctypes.cast(copy, ctypes.c_void_p))
        describe: Callable[[Array], Any] = mlir_bridge.bindings(
            "runtime"
        ).get_ranked_memref_descriptor
        held = [describe(np.ascontiguousarray(array)) for array in (*arguments, *results)]
        engine.invoke(name, *(ctypes.pointer(ctypes.pointer(memref)) for memref in held))
    return results


def _dtype(tensor_type: Any) -> np.dtype[Any]:
    names = {"f16": np.float16, "f32": np.float32, "f64": np.float64,
             "i1": np.bool_, "i32": np.int32, "i64": np.int64}  # fmt: skip
    return np.dtype(names[str(tensor_type.element_type)])


class _UnrankedMemref(ctypes.Structure):
    """MLIR's descriptor of a memref of any rank."""

    _fields_ = [("rank", ctypes.c_int64), ("descriptor", ctypes.c_void_p)]


def _memref_copy() -> Any:
    """The runtime function memrefCopy(element size, source, destination)."""
    memref = ctypes.POINTER(_UnrankedMemref)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, memref, memref)

    def copy(size: int, source: Any, destination: Any) -> None:
        _strided_bytes(destination[0], size)[...] = _strided_bytes(source[0], size)

    return prototype(copy)


def _strided_bytes(memref: _UnrankedMemref, size: int) -> Array:
    """The bytes of a memref, shape (*sizes, size): its descriptor is two pointers and numbers."""
    rank = memref.rank
    words = (ctypes.c_int64 * (3 + 2 * rank)).from_address(memref.descriptor or 0)
    aligned, offset = words[1], words[2]
    sizes, strides = list(words[3 : 3 + rank]), list(words[3 + rank :])
    extent = 1 + sum((n - 1) * stride for n, stride in zip(sizes, strides, strict=True))
    start = ctypes.cast(aligned + offset * size, ctypes.POINTER(ctypes.c_uint8))
    flat: Array = np.ctypeslib.as_array(start, (extent * size,))
    return np.lib.stride_tricks.as_strided(
        flat, [*sizes, size], [*(stride * size for stride in strides), 1]
    )


if __name__ == "__main__":
    _main(sys.argv[1])
