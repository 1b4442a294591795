"""The language of command meanings."""

import pytest

from pim_opt.devices.meaning import (
    Assign,
    Binary,
    Call,
    Meaning,
    MeaningError,
    Number,
    Ref,
    parse_meaning,
)

COLUMN = Ref("column")


@pytest.mark.parametrize(
    ("text", "assigns"),
    [
        ("data = column", [Assign(Ref("data"), "=", COLUMN)]),
        (
            "acc[a] += lanes_sum(column * operand[s])",
            [
                Assign(
                    Ref("acc", ("a",)),
                    "+=",
                    Call("lanes_sum", (Binary("*", COLUMN, Ref("operand", ("s",))),)),
                )
            ],
        ),
        (
            "acc += column * operand[s][e]; data = 0",
            [
                Assign(Ref("acc"), "+=", Binary("*", COLUMN, Ref("operand", ("s", "e")))),
                Assign(Ref("data"), "=", Number(0.0)),
            ],
        ),
        (
            "a = b - c * 2 + 1.5",
            [
                Assign(
                    Ref("a"),
                    "=",
                    Binary(
                        "+",
                        Binary("-", Ref("b"), Binary("*", Ref("c"), Number(2.0))),
                        Number(1.5),
                    ),
                )
            ],
        ),
        (
            "a = maximum(over(bank, acc), softmax(b, n, l))",
            [
                Assign(
                    Ref("a"),
                    "=",
                    Call(
                        "maximum",
                        (
                            Call("over", (Ref("bank"), Ref("acc"))),
                            Call("softmax", (Ref("b"), Ref("n"), Ref("l"))),
                        ),
                    ),
                )
            ],
        ),
    ],
)
def test_meanings_are_read(text: str, assigns: list[Assign]) -> None:
    assert parse_meaning(text) == Meaning(tuple(assigns))


def test_references_come_targets_first() -> None:
    meaning = parse_meaning("shared[t] = over(bank, acc) + 1; data = shared[t]")
    names = [ref.name for ref in meaning.references()]
    assert names == ["shared", "bank", "acc", "data", "shared"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a meaning has at least one statement"),
        ("acc = ", "'acc = ' at character"),
        ("acc -= column", "'acc -= column'; expected 'TARGET = ..' or 'TARGET += ..'"),
        ("column", "'column'; expected 'TARGET = ..'"),
        ("a = b = column", "'a = b = column'; expected 'TARGET = ..'"),
        ("f(a) = column", "'f(a) = column' at character"),
        ("acc[0] = column", "'acc[0]'; expected NAME, NAME[i] or NAME[i][j]"),
        ("acc.x = column", "'acc.x'; expected NAME"),
        ("acc = column / 2", "'column / 2'; expected names, numbers, + - * and gather"),
        ("acc = -column", "'-column'; expected names"),
        ("acc = lanes_sum(a, b)", "lanes_sum takes 1 arguments: 'lanes_sum(a, b)'"),
        ("acc = exp(a)", "'exp(a)'; expected names"),
        ("acc = lanes_sum(x=a)", "'lanes_sum(x=a)'; expected names"),
        ("acc = 'text'", "''text''; expected names"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(MeaningError) as error:
        parse_meaning(text)
    assert str(error.value).startswith(message)
