"""Expressions as steps of a unit with one register operand and one DRAM column operand.

A step works on one column of a tensor: of an input, of the result, or of a temporary that lies as
the result does. Intermediates live in a register; one that must be read as a column is stored
first, to the result's own column if that is free.
"""

from dataclasses import dataclass, field

from pim_opt.devices.model import FileCommands
from pim_opt.dialects.elementwise import Apply, Constant, Expression, Input

USES = ("load", "store", "add", "mul", "relu", "scalar_add", "scalar_mul")
"""What a step does: the fields of `devices.model.FileCommands`."""

_WORDS = {
    "add": "addition of two tensors",
    "mul": "product of two tensors",
    "relu": "maximum with 0",
    "scalar_add": "addition of a constant",
    "scalar_mul": "product with a constant",
}


class UnitError(ValueError):
    """An expression that a unit lacks an operation for."""


@dataclass(frozen=True)
class Step:
    """One command for every column: `use` of the column of `tensor`, with a scalar or without."""

    use: str
    tensor: int
    """Inputs count from 0; then comes the result, then temporaries."""
    scalar: int | None = None
    """Number of the constant in `LaneProgram.scalars`."""


@dataclass(frozen=True)
class LaneProgram:
    """The steps of an expression."""

    inputs: int
    steps: tuple[Step, ...]
    scalars: tuple[float, ...]
    temporaries: int

    @property
    def result(self) -> int:
        """The number of the result among the tensors."""
        return self.inputs

    @property
    def tensors(self) -> int:
        """Inputs, result and temporaries."""
        return self.inputs + 1 + self.temporaries

    def runs_on(self, commands: FileCommands) -> bool:
        """Whether a register file has a command for every step."""
        return all(getattr(commands, step.use) is not None for step in self.steps)


@dataclass
class _Compiler:
    inputs: int
    steps: list[Step] = field(default_factory=list[Step])
    scalars: list[float] = field(default_factory=list[float])
    stored: int = 0
    """Intermediates that are stored now."""
    most: int = 1
    """The most that ever were; the result's own column counts as one."""

    def value(self, expression: Expression) -> None:
        """Leave the value of an expression in the register."""
        match expression:
            case Input(number):
                self.steps.append(Step("load", number))
            case Constant():
                raise UnitError("it gives a constant")
            case Apply("maximum", left, Constant(value=0.0)):
                self._with_column("relu", left)
            case Apply("maximum", Constant(value=0.0), right):
                self._with_column("relu", right)
            case Apply("maximum"):
                raise UnitError("it takes the maximum of two values, neither of which is 0")
            case Apply("sub", left, right):
                self.value(Apply("add", negated(right), left))
            case Apply(op, Constant(value), other) | Apply(op, other, Constant(value)):
                self._with_column(f"scalar_{op}", other, self._scalar(value))
            case Apply(op, left, Input() as right):
                self.value(left)
                self._with_column(op, right)
            case Apply(op, Input() as left, right):
                self.value(right)
                self._with_column(op, left)
            case Apply(op, left, right):
                column = self._column(right)
                self.value(left)
                self._finish(Step(op, column))

    def _with_column(self, use: str, operand: Expression, scalar: int | None = None) -> None:
        self._finish(Step(use, self._column(operand), scalar))

    def _column(self, operand: Expression) -> int:
        """The tensor whose column holds the value of an operand."""
        if isinstance(operand, Input):
            return operand.number
        self.value(operand)
        tensor = self.inputs + self.stored
        self.stored += 1
        self.most = max(self.most, self.stored)
        self.steps.append(Step("store", tensor))
        return tensor

    def _finish(self, step: Step) -> None:
        """Add a step, after which the intermediate that it reads is needed no more."""
        self.steps.append(step)
        if step.tensor >= self.inputs:
            self.stored -= 1

    def _scalar(self, value: float) -> int:
        if value not in self.scalars:
            self.scalars.append(value)
        return self.scalars.index(value)


def negated(expression: Expression) -> Expression:
    """An expression times -1."""
    match expression:
        case Constant(value):
            return Constant(-value)
        case Apply("mul", left, Constant(value)):
            return Apply("mul", left, Constant(-value))
        case Apply("mul", Constant(value), right):
            return Apply("mul", right, Constant(-value))
        case _:
            return Apply("mul", expression, Constant(-1.0))


def lane_program(body: Expression, inputs: int) -> LaneProgram:
    """The steps that compute `body` from `inputs` tensors and store it.

    Raises:
        UnitError: no unit could; saying what it lacks.
    """
    compiler = _Compiler(inputs)
    compiler.value(body)
    compiler.steps.append(Step("store", inputs))
    return LaneProgram(inputs, tuple(compiler.steps), tuple(compiler.scalars), compiler.most - 1)


def missing(program: LaneProgram, commands: FileCommands) -> str | None:
    """The first operation of a program that a register file has no command for, in words."""
    for step in program.steps:
        if getattr(commands, step.use) is None:
            return _WORDS[step.use]
    return None
