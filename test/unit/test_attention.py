"""The mathematics of attention: roles, shapes, and the two contractions in it."""

from dataclasses import replace

import pytest

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access, AttentionRole, Contraction, Dim, Role, name_dims

H, N, D, E = range(4)
DIMS = name_dims(
    [(6, AttentionRole.HEAD), (9, AttentionRole.LENGTH), (8, AttentionRole.KEY),
     (7, AttentionRole.VALUE)]
)  # fmt: skip
SEPARATE = Attention(
    DIMS,
    query=Access((H, None, D)),
    key=Access((H, D, N)),
    value=Access((N, H, E)),
    mask=Access((None, N)),
    result=Access((H, E)),
)


def shared(size: int) -> Attention:
    """SEPARATE with `size` queries for each head, as the last dimension."""
    group = name_dims([(size, AttentionRole.GROUP)])
    return replace(
        SEPARATE,
        dims=(*DIMS, *group),
        query=Access((H, 4, D)),
        mask=Access((4, N)),
        result=Access((H, 4, E)),
    )


def test_shapes_and_extents() -> None:
    attention = shared(3)
    assert attention.shape(attention.query) == (6, 3, 8)
    assert attention.shape(attention.key) == (6, 8, 9)
    assert attention.shape(SEPARATE.query) == (6, 1, 8)
    assert attention.extent(AttentionRole.HEAD, AttentionRole.GROUP) == 18
    assert attention.scores == Access((H, N, 4))


def test_names_number_the_dimensions_of_one_role() -> None:
    roles = [AttentionRole.HEAD, AttentionRole.HEAD, AttentionRole.LENGTH]
    assert [dim.name for dim in name_dims((2, r) for r in roles)] == ["h0", "h1", "n"]


def test_products_of_one_query_for_each_head() -> None:
    assert SEPARATE.score == Contraction(
        (Dim("h", 6, Role.BATCH), Dim("n", 9, Role.OUTPUT), Dim("d", 8, Role.REDUCTION)),
        vector=Access((0, None, 2)),
        matrix=Access((0, 2, 1)),
        result=Access((0, 1)),
    )
    context = SEPARATE.context
    assert context.dims[1:] == (Dim("n", 9, Role.REDUCTION), Dim("e", 7, Role.OUTPUT))
    assert context.shape(context.matrix) == (9, 6, 7)


def test_queries_that_share_a_head_are_rows_of_both_products() -> None:
    score, context = shared(3).stages
    assert score.extent(Role.ROW) == context.extent(Role.ROW) == 3
    assert score.shape(score.result) == context.shape(context.vector) == (6, 9, 3)
    assert score.shape(score.matrix) == (6, 8, 9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": Access((H,))}, r"query has dimensions \['h'\], expected \['h', 'd'\]"),
        ({"key": Access((H, N, D, N))}, r"key has dimensions \['h', 'n', 'd', 'n'\]"),
        ({"value": Access((H, E))}, "value has dimensions"),
        ({"result": Access((H, E, N))}, "result has dimensions"),
        ({"mask": Access((H, D))}, "mask has dimensions"),
        ({"mask": Access((N, N))}, "mask has dimensions"),
        ({"mask": Access((N, 7))}, r"mask has dimensions \['n', '7'\]"),
        ({"dims": (*DIMS[:3], replace(DIMS[3], size=0))}, "dimension 'e' has size 0"),
        ({"dims": (*DIMS[:3], replace(DIMS[3], name="d"))}, "are not distinct"),
        ({"dims": DIMS[:3], "value": Access((N, H))}, "no dimension has the role 'value'"),
    ],
)
def test_inconsistent_attention(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SEPARATE, **changes)
