"""The mathematics of attention: which loops it has, and which operand uses which.

Pure mathematics, no IR. For every point of the heads and of the queries that share a head,

    score[n]   = sum over d of query[d] * key[n, d]
    weight     = softmax over n of (scale * score + mask)
    result[e]  = sum over n of weight[n] * value[n, e]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from pim_opt.dialects.iteration import Access, AnyRole, AttentionRole, Contraction, Dim, Role

QUERY_ROLES = (AttentionRole.HEAD, AttentionRole.GROUP, AttentionRole.KEY)
KEY_ROLES = (AttentionRole.HEAD, AttentionRole.LENGTH, AttentionRole.KEY)
VALUE_ROLES = (AttentionRole.HEAD, AttentionRole.LENGTH, AttentionRole.VALUE)
SCORE_ROLES = (AttentionRole.HEAD, AttentionRole.GROUP, AttentionRole.LENGTH)
RESULT_ROLES = (AttentionRole.HEAD, AttentionRole.GROUP, AttentionRole.VALUE)

_SCORE_PARTS: dict[AnyRole, Role] = {
    AttentionRole.HEAD: Role.BATCH,
    AttentionRole.GROUP: Role.ROW,
    AttentionRole.LENGTH: Role.OUTPUT,
    AttentionRole.KEY: Role.REDUCTION,
}
_CONTEXT_PARTS: dict[AnyRole, Role] = {
    AttentionRole.HEAD: Role.BATCH,
    AttentionRole.GROUP: Role.ROW,
    AttentionRole.LENGTH: Role.REDUCTION,
    AttentionRole.VALUE: Role.OUTPUT,
}


@dataclass(frozen=True)
class Attention:
    """Loops of attention with their roles, and how each operand is indexed by them.

    The accesses hold numbers of `dims`. There is at least one dimension of each of the roles
    LENGTH, KEY and VALUE; heads and groups may be missing.
    """

    dims: tuple[Dim, ...]
    query: Access
    key: Access
    value: Access
    mask: Access | None
    result: Access
    scale: float = 1.0
    """Scores are multiplied by it before the mask is added."""

    def __post_init__(self) -> None:
        names = [dim.name for dim in self.dims]
        if len(set(names)) != len(names):
            raise ValueError(f"dimension names {names} are not distinct")
        for dim in self.dims:
            if dim.size < 1:
                raise ValueError(f"dimension '{dim.name}' has size {dim.size}, expected at least 1")
        for role in (AttentionRole.LENGTH, AttentionRole.KEY, AttentionRole.VALUE):
            if not self.with_role(role):
                raise ValueError(f"no dimension has the role '{role.name.lower()}'")
        self._check_has("query", self.query, QUERY_ROLES)
        self._check_has("key", self.key, KEY_ROLES)
        self._check_has("value", self.value, VALUE_ROLES)
        self._check_has("result", self.result, RESULT_ROLES)
        if self.mask is not None:
            self._check_mask(self.mask)

    def _check_has(self, name: str, access: Access, roles: tuple[AttentionRole, ...]) -> None:
        expected = self.with_role(*roles)
        if tuple(sorted(access.dims)) != expected:
            raise ValueError(
                f"{name} has dimensions {self._names(access.dims)}, expected"
                f" {self._names(expected)} once each"
            )

    def _check_mask(self, mask: Access) -> None:
        allowed = self.with_role(*SCORE_ROLES)
        if len(set(mask.dims)) != len(mask.dims) or not set(mask.dims) <= set(allowed):
            raise ValueError(
                f"mask has dimensions {self._names(mask.dims)}, expected some of"
                f" {self._names(allowed)} once each"
            )

    def _names(self, dims: Iterable[int]) -> list[str]:
        known = len(self.dims)
        return [self.dims[dim].name if 0 <= dim < known else str(dim) for dim in dims]

    def with_role(self, *roles: AttentionRole) -> tuple[int, ...]:
        """Numbers of the dimensions whose role is one of `roles`, ascending."""
        return tuple(i for i, dim in enumerate(self.dims) if dim.role in roles)

    def extent(self, *roles: AttentionRole) -> int:
        """Number of points of the dimensions whose role is one of `roles`."""
        return prod(self.dims[i].size for i in self.with_role(*roles))

    @property
    def kind(self) -> str:
        return "attention"

    @property
    def detail(self) -> str:
        return f"scale {self.scale!r}"

    @property
    def inputs(self) -> tuple[Access, ...]:
        """Query, key, value and, if there is one, mask."""
        masks = () if self.mask is None else (self.mask,)
        return (self.query, self.key, self.value, *masks)

    @property
    def stages(self) -> tuple[Contraction, Contraction]:
        """The products of query and key, and of weights and value."""
        return self.score, self.context

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        return tuple(1 if dim is None else self.dims[dim].size for dim in access.axes)

    @property
    def scores(self) -> Access:
        """Scores and weights: one axis for each dimension of heads, groups and positions."""
        return Access(self.with_role(*SCORE_ROLES))

    @property
    def score(self) -> Contraction:
        """The product of query and key, under the names of these dimensions."""
        return self._product(_SCORE_PARTS, self.query, self.key, self.scores)

    @property
    def context(self) -> Contraction:
        """The product of weights and value, under the names of these dimensions."""
        return self._product(_CONTEXT_PARTS, self.scores, self.value, self.result)

    def _product(
        self, parts: dict[AnyRole, Role], vector: Access, matrix: Access, result: Access
    ) -> Contraction:
        kept = [i for i, dim in enumerate(self.dims) if dim.role in parts]
        number = {dim: i for i, dim in enumerate(kept)}
        dims = tuple(
            Dim(self.dims[i].name, self.dims[i].size, parts[self.dims[i].role]) for i in kept
        )

        def renumbered(access: Access) -> Access:
            return Access(tuple(None if dim is None else number.get(dim) for dim in access.axes))

        return Contraction(dims, renumbered(vector), renumbered(matrix), renumbered(result))
