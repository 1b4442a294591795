"""Descriptions of kernels from their text."""

import pytest

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.computation import computation_of, text_of
from pim_opt.dialects.iteration import Access, AttentionRole, name_dims

DIMS = name_dims(
    [(3, AttentionRole.LENGTH), (4, AttentionRole.KEY), (5, AttentionRole.VALUE)]
)  # fmt: skip
ACCESSES = (Access((1,)), Access((0, 1)), Access((0, 2)), Access((2,)))


def test_attention_comes_back_from_its_text() -> None:
    attention = Attention(DIMS, *ACCESSES[:3], None, ACCESSES[3], 0.125)
    assert text_of(attention) == "attention: scale 0.125"
    assert computation_of(text_of(attention), DIMS, ACCESSES) == attention


@pytest.mark.parametrize(
    ("text", "accesses", "message"),
    [
        ("softmax", 4, "unknown class of kernel 'softmax'; known are contraction, attention"),
        ("attention", 4, "attention has ''; expected 'scale NUMBER'"),
        ("attention: scale", 4, "attention has 'scale'; expected 'scale NUMBER'"),
        ("attention: scale nan", 4, "attention has 'scale nan'; expected 'scale NUMBER'"),
        ("attention: scale inf", 4, "attention has 'scale inf'"),
        ("attention: size 2", 4, "attention has 'size 2'"),
        ("attention: scale 1", 3, "3 indexing maps; attention has 4, or 5 with a mask"),
        ("contraction: scale 1", 3, "a contraction has no 'scale 1'"),
        ("contraction", 4, "4 indexing maps; a contraction has 3"),
    ],
)
def test_what_is_no_description(text: str, accesses: int, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        computation_of(text, DIMS, ACCESSES[:accesses])
    assert str(error.value).startswith(message)
