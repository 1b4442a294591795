"""Reads pass pipelines: `builtin.module(func.func(a{x=1 y=2}),b)` and `a,b{x=1}` alike."""

from collections.abc import Mapping
from dataclasses import dataclass

ANCHORS = ("builtin.module", "func.func", "any")


class PipelineError(ValueError):
    """A pipeline that cannot be read or run, and where in its text."""

    def __init__(self, message: str, text: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.offset = offset

    def __str__(self) -> str:
        line = self.text.replace("\n", " ")
        return f"{self.message}\n{line}\n{' ' * self.offset}^"


@dataclass(frozen=True)
class OptionSpec:
    """One option as it was written; None where a name stands without a value."""

    value: str | None
    offset: int
    quoted: bool = False


@dataclass(frozen=True)
class PassSpec:
    """One pass as it was written."""

    name: str
    options: Mapping[str, OptionSpec]
    offset: int


class _Reader:
    """Reads a pipeline from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str, offset: int | None = None) -> PipelineError:
        return PipelineError(message, self.text, self.at if offset is None else offset)

    @property
    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip_blanks(self) -> None:
        while self.next.isspace():
            self.at += 1

    def take(self, character: str) -> bool:
        """Whether the next character, after blanks, is `character`; it is read if so."""
        self.skip_blanks()
        if self.next != character:
            return False
        self.at += 1
        return True

    def name(self) -> str:
        self.skip_blanks()
        start = self.at
        while self.next and (self.next.isalnum() or self.next in "-_."):
            self.at += 1
        if start == self.at:
            found = f"'{self.next}'" if self.next else "the end"
            raise self.error(f"expected the name of a pass, found {found}")
        return self.text[start : self.at]

    def passes(self, closing: str) -> list[PassSpec]:
        """Passes separated by commas, up to `closing` or the end of the text."""
        result: list[PassSpec] = []
        self.skip_blanks()
        if self.next == closing:
            return result
        while True:
            result += self.element()
            if not self.take(","):
                return result

    def element(self) -> list[PassSpec]:
        """A pass, or an anchor with passes inside."""
        self.skip_blanks()
        start = self.at
        name = self.name()
        if self.take("("):
            if name not in ANCHORS:
                raise self.error(f"'{name}' is no op to anchor at ({', '.join(ANCHORS)})", start)
            inner = self.passes(")")
            if not self.take(")"):
                raise self.error("expected ',' or ')'")
            return inner
        options = self.options() if self.take("{") else {}
        return [PassSpec(name, options, start)]

    def options(self) -> dict[str, OptionSpec]:
        result: dict[str, OptionSpec] = {}
        while not self.take("}"):
            self.skip_blanks()
            start = self.at
            if not self.next:
                raise self.error("expected '}' after the options")
            key = self.name().replace("-", "_")
            if key in result:
                raise self.error(f"option '{key.replace('_', '-')}' is given twice", start)
            result[key] = self.value(start) if self.take("=") else OptionSpec(None, start)
            self.take(",")
        return result

    def value(self, start: int) -> OptionSpec:
        if self.next in ('"', "'"):
            return OptionSpec(self.quoted(), start, quoted=True)
        begin, depth = self.at, 0
        while self.next and (depth or not self.ends_value()):
            depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(self.next, 0)
            self.at += 1
        return OptionSpec(self.text[begin : self.at], start)

    def ends_value(self) -> bool:
        """Whether an unquoted value ends here: at a blank, a brace, or a comma before a blank."""
        following = self.text[self.at + 1 : self.at + 2]
        return self.next.isspace() or self.next == "}" or (self.next == "," and following.isspace())

    def quoted(self) -> str:
        quote, begin = self.next, self.at
        end = self.text.find(quote, begin + 1)
        if end < 0:
            raise self.error("the quoted value does not end", begin)
        self.at = end + 1
        return self.text[begin + 1 : end]


def parse_pipeline(text: str) -> list[PassSpec]:
    """The passes of a pipeline, in order.

    Raises:
        PipelineError: with the place in the text.
    """
    reader = _Reader(text)
    try:
        passes = reader.passes("")
    except RecursionError as error:
        raise reader.error("nested too deep") from error
    reader.skip_blanks()
    if reader.next:
        raise reader.error(f"expected ',' or the end, found '{reader.next}'")
    return passes
