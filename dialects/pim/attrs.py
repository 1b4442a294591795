"""Attributes of the `pim` dialect: iteration spaces and schedules."""

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from pim_opt.dialects.iteration import ROLES, Dim
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, parse_schedule

AT_MOST = "pim.at_most"
"""Attribute of a function's index argument: a length from 1 to this many positions."""


@irdl_attr_definition
class SpaceAttr(Data[tuple[Dim, ...]]):
    """The loop dimensions of a kernel: name, size, role.

        #pim.space<h 32 batch, n 512 output, k 128 reduction>

    stands for the loop nest

        for h in 0..32: for n in 0..512: for k in 0..128
    """

    name = "pim.space"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> tuple[Dim, ...]:
        return tuple(
            parser.parse_comma_separated_list(parser.Delimiter.ANGLE, lambda: _parse_dim(parser))
        )

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(", ".join(f"{d.name} {d.size} {d.role}" for d in self.data))


def _parse_dim(parser: AttrParser) -> Dim:
    name = parser.parse_identifier(" for a dimension")
    size = parser.parse_integer(allow_boolean=False, allow_negative=False)
    role = parser.parse_optional_keyword_in(list(ROLES))
    if role is None:
        parser.raise_error(f"expected a role: one of {', '.join(ROLES)}")
    return Dim(name, size, ROLES[role])


@irdl_attr_definition
class ScheduleAttr(Data[AnySchedule]):
    """How a kernel is distributed, ordered and fed; the text is that of `--schedule`.

    #pim.schedule<"n: channel 16, time 2; k: ba 4, lane 16; order n; x: direct; y: sum(ba)">
    """

    name = "pim.schedule"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> AnySchedule:
        with parser.in_angle_brackets():
            position = parser.pos
            text = parser.parse_str_literal(" for a schedule")
            try:
                return parse_schedule(text)
            except ScheduleError as error:
                parser.raise_error(str(error), position, parser.pos)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(str(self.data))
