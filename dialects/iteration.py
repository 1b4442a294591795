"""The iteration space of a kernel: its loop dimensions, their roles, and which operand uses which.

Pure mathematics, no IR. Dimensions carry short names (`h`, `n`, `k`) for schedules to speak of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import prod


class Role(StrEnum):
    """What a loop dimension does in a kernel."""

    BATCH = "batch"
    """In both inputs and in the result: heads, requests."""
    ROW = "row"
    """In the vector and the result, not in the matrix: the rows of a left factor (M), each a vector
    of its own for the same matrix."""
    OUTPUT = "output"
    """In the matrix and the result, not in the vector."""
    REDUCTION = "reduction"
    """Summed away; in the matrix and, unless all its points meet the same elements, the vector."""
    PARALLEL = "parallel"
    """Of a kernel that is no contraction: in the result."""


class AttentionRole(StrEnum):
    """What a loop dimension does in attention."""

    HEAD = "head"
    """In all operands and the result: requests, key/value heads."""
    GROUP = "group"
    """In query and result only: query heads, or positions, that read the same keys and values."""
    LENGTH = "length"
    """Positions of keys and values: the softmax and the second sum run over them."""
    KEY = "key"
    """In query and key, summed away by the scores."""
    VALUE = "value"
    """In value and result."""


AnyRole = Role | AttentionRole

ROLES: dict[str, AnyRole] = {role.value: role for kind in (Role, AttentionRole) for role in kind}
"""All roles by name."""

ROLE_LETTERS: dict[AnyRole, str] = {
    Role.BATCH: "h",
    Role.ROW: "m",
    Role.OUTPUT: "n",
    Role.REDUCTION: "k",
    Role.PARALLEL: "i",
    AttentionRole.HEAD: "h",
    AttentionRole.GROUP: "g",
    AttentionRole.LENGTH: "n",
    AttentionRole.KEY: "d",
    AttentionRole.VALUE: "e",
}


@dataclass(frozen=True)
class Dim:
    """A loop dimension of `size` iterations."""

    name: str
    size: int
    role: AnyRole


@dataclass(frozen=True)
class Access:
    """How an operand is indexed: per tensor axis the dimension's number, or None for the index 0.

    A projected permutation: every dimension at most once, so that an element belongs to one point
    of the dimensions that the operand has.
    """

    axes: tuple[int | None, ...]

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions that the operand has, in the order of its axes."""
        return tuple(dim for dim in self.axes if dim is not None)


@dataclass(frozen=True)
class Contraction:
    """y[..] = sum over the reduction dimensions of vector[..] * matrix[..].

    `vector` lacks the output dimensions, so each of its elements serves many outputs; `matrix`
    lacks the row dimensions, M points together, so each of its elements is used M times.
    """

    dims: tuple[Dim, ...]
    vector: Access
    matrix: Access
    result: Access

    def __post_init__(self) -> None:
        for dim in self.dims:
            if dim.size < 1:
                raise ValueError(f"dimension '{dim.name}' has size {dim.size}, expected at least 1")
        names = [dim.name for dim in self.dims]
        if len(set(names)) != len(names):
            raise ValueError(f"dimension names {names} are not distinct")
        for access in (self.vector, self.matrix, self.result):
            if len(set(access.dims)) != len(access.dims):
                raise ValueError(f"access {access.axes} uses a dimension twice")
        expected = {
            "vector": (Role.BATCH, Role.ROW, Role.REDUCTION),
            "matrix": (Role.BATCH, Role.OUTPUT, Role.REDUCTION),
            "result": (Role.BATCH, Role.ROW, Role.OUTPUT),
        }
        for name, roles in expected.items():
            access: Access = getattr(self, name)
            wanted = {i for i, dim in enumerate(self.dims) if dim.role in roles}
            if name == "vector":
                wanted -= set(self.with_role(Role.REDUCTION)) - set(access.dims)
            if set(access.dims) != wanted:
                raise ValueError(
                    f"{name} has dimensions {sorted(access.dims)}, expected {sorted(wanted)}"
                )

    @property
    def kind(self) -> str:
        return "contraction"

    @property
    def detail(self) -> str:
        return ""

    @property
    def inputs(self) -> tuple[Access, Access]:
        return self.vector, self.matrix

    @property
    def stages(self) -> tuple["Contraction"]:
        return (self,)

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        return tuple(1 if dim is None else self.dims[dim].size for dim in access.axes)

    def with_role(self, *roles: Role) -> tuple[int, ...]:
        """Numbers of the dimensions whose role is one of `roles`, ascending."""
        if len(roles) == 1:  # Searches ask for these all the time.
            return self._by_role.get(roles[0], ())
        return tuple(i for i, dim in enumerate(self.dims) if dim.role in roles)

    @cached_property
    def _by_role(self) -> dict[AnyRole, tuple[int, ...]]:
        roles = {dim.role for dim in self.dims}
        return {role: tuple(i for i, d in enumerate(self.dims) if d.role is role) for role in roles}

    @property
    def lane_dims(self) -> tuple[int, ...]:
        """The dimensions that can run along the lanes: a lane needs an element of its own."""
        able = (Role.OUTPUT, Role.REDUCTION)
        return tuple(
            d
            for d in self.with_role(*able)
            if self.dims[d].role is Role.OUTPUT or d in self.vector.dims
        )

    def extent(self, *roles: Role) -> int:
        """Number of points of the dimensions whose role is one of `roles`."""
        return prod(self.dims[i].size for i in self.with_role(*roles))

    def dim_number(self, name: str) -> int | None:
        """The number of the dimension called `name`, or None."""
        return next((i for i, dim in enumerate(self.dims) if dim.name == name), None)


def name_dims(sizes_and_roles: Iterable[tuple[int, AnyRole]]) -> tuple[Dim, ...]:
    """Dimensions with the letter of their role, numbered where a role has several."""
    pairs: Sequence[tuple[int, AnyRole]] = tuple(sizes_and_roles)
    dims: list[Dim] = []
    for position, (size, role) in enumerate(pairs):
        alike = [i for i, (_, other) in enumerate(pairs) if other is role]
        letter = ROLE_LETTERS[role]
        name = letter if len(alike) == 1 else f"{letter}{alike.index(position)}"
        dims.append(Dim(name, size, role))
    return tuple(dims)
