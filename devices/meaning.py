"""What a command does, as text in the device file and as a tree.

    acc[a] += lanes_sum(column * operand[s])

Statements, separated by `;`, assign or add to a target: `column` (the addressed DRAM column),
`data` (what the host sends or receives) or a register: a whole file (`acc`), an entry
(`operand[s]`) or a lane of an entry (`operand[s][e]`), indexed by the command's index operands.
Where a column of narrow weights has more lanes than an entry, an entry that it is multiplied by
stands for as many consecutive ones, itself the last, as have a lane for each.
Expressions have numbers, + - *, and the functions

    lanes_sum(e)    the sum of all lanes
    over(level, e)  the sum over the members of a level that the command spans
    gather(e)       the one-lane values of all cores that the command spans, in order, as lanes;
                    only as a whole, sent to the host: data = gather(..)
    maximum(a, b)   the larger, lane by lane
    softmax(r[t], n, l)
                    softmax of the first n elements in the l entries of register r from t on, and 0
                    for the others; only as a whole, assigned to these entries: r[t] = softmax(..)
"""

import ast
from dataclasses import dataclass

FUNCTIONS = {"lanes_sum": 1, "over": 2, "gather": 1, "maximum": 2, "softmax": 3}
"""Functions of expressions and how many arguments they take."""

_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


class MeaningError(ValueError):
    """A meaning that cannot be read."""


@dataclass(frozen=True)
class Number:
    """A constant, in every lane."""

    value: float


@dataclass(frozen=True)
class Ref:
    """The DRAM column, the host's data, a level's name, or a register with its indices."""

    name: str
    indices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Binary:
    """`left op right`, lane by lane; op is one of + - *."""

    op: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Call:
    """A function of FUNCTIONS applied to its arguments."""

    name: str
    args: tuple["Expression", ...]


Expression = Number | Ref | Binary | Call


@dataclass(frozen=True)
class Assign:
    """`target op value`; op is `=` or `+=`."""

    target: Ref
    op: str
    value: Expression


@dataclass(frozen=True)
class Meaning:
    """The statements of a command, in order."""

    assigns: tuple[Assign, ...]

    @property
    def takes_softmax(self) -> bool:
        """Whether it acts on a run of entries, and not only on those that it names."""
        values = [assign.value for assign in self.assigns]
        return any(isinstance(value, Call) and value.name == "softmax" for value in values)

    @property
    def sums_lanes(self) -> bool:
        """Whether a value of it is a sum of all lanes."""
        return any(_calls(assign.value, "lanes_sum") for assign in self.assigns)

    @property
    def gathers(self) -> bool:
        """Whether the lanes of a value of it are those of many cores."""
        return any(_calls(assign.value, "gather") for assign in self.assigns)

    def references(self) -> tuple[Ref, ...]:
        """Every name with its indices, targets first."""
        found: list[Ref] = []
        for assign in self.assigns:
            found.append(assign.target)
            _collect(assign.value, found)
        return tuple(found)

    @property
    def sets(self) -> frozenset[str]:
        """Names that the statements assign or add to."""
        return frozenset(assign.target.name for assign in self.assigns)

    @property
    def reads(self) -> frozenset[str]:
        """Names that the statements' values have."""
        found: list[Ref] = []
        for assign in self.assigns:
            _collect(assign.value, found)
        return frozenset(ref.name for ref in found)


def _calls(expression: Expression, function: str) -> bool:
    match expression:
        case Call(name, args):
            return name == function or any(_calls(arg, function) for arg in args)
        case Binary(_, left, right):
            return _calls(left, function) or _calls(right, function)
        case _:
            return False


def _collect(expression: Expression, found: list[Ref]) -> None:
    match expression:
        case Ref():
            found.append(expression)
        case Binary(_, left, right):
            _collect(left, found)
            _collect(right, found)
        case Call(_, args):
            for arg in args:
                _collect(arg, found)
        case Number():
            pass


def parse_meaning(text: str) -> Meaning:
    """Read a meaning.

    Raises:
        MeaningError: with what cannot be read and what was expected.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise MeaningError(f"'{text}' at character {error.offset}: {error.msg}") from error
    if not tree.body:
        raise MeaningError("a meaning has at least one statement")
    return Meaning(tuple(_statement(node) for node in tree.body))


def _statement(node: ast.stmt) -> Assign:
    match node:
        case ast.Assign(targets=[target], value=value):
            return Assign(_reference(target), "=", _expression(value))
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            return Assign(_reference(target), "+=", _expression(value))
        case _:
            raise MeaningError(f"'{ast.unparse(node)}'; expected 'TARGET = ..' or 'TARGET += ..'")


def _reference(node: ast.expr) -> Ref:
    match node:
        case ast.Name(id=name):
            return Ref(name)
        case ast.Subscript(value=inner, slice=ast.Name(id=index)):
            base = _reference(inner)
            return Ref(base.name, (*base.indices, index))
        case _:
            raise MeaningError(f"'{ast.unparse(node)}'; expected NAME, NAME[i] or NAME[i][j]")


def _expression(node: ast.expr) -> Expression:
    match node:
        case ast.Constant(value=int() | float() as value):
            return Number(float(value))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return Binary(_OPERATORS[type(op)], _expression(left), _expression(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            if len(args) != FUNCTIONS[name]:
                raise MeaningError(
                    f"{name} takes {FUNCTIONS[name]} arguments: '{ast.unparse(node)}'"
                )
            return Call(name, tuple(_expression(arg) for arg in args))
        case ast.Name() | ast.Subscript():
            return _reference(node)
        case _:
            raise MeaningError(
                f"'{ast.unparse(node)}'; expected names, numbers, + - * and"
                f" {', '.join(sorted(FUNCTIONS))}"
            )
