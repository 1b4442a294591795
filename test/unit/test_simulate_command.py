"""`pimc simulate`: what it prints, what it refuses, and that a trace is its program."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pim_opt import main as pim_opt_tool
from pim_opt import pimc, timeline

GOLDEN = Path(__file__).parents[1] / "golden"

GEMV = """
func.func @gemv(%x: tensor<1x64xf16>, %w: tensor<64x96xf16>) -> tensor<1x96xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x96xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x96xf16>) -> tensor<1x96xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x64xf16>, tensor<64x96xf16>)
                     outs(%init : tensor<1x96xf16>) -> tensor<1x96xf16>
  func.return %y : tensor<1x96xf16>
}
"""
TWO_ACCESSES = "LD 0x0\nST 0x40\n"


class Tool:
    """`pimc simulate` in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def file(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        code = pimc.main(["simulate", *arguments])
        out, err = self._capsys.readouterr()
        return code, out, err

    def result(self, *arguments: str) -> dict[str, Any]:
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(tmp_path, capsys)


def test_text(tool: Tool) -> None:
    code, out, err = tool.run(tool.file("two.trace", TWO_ACCESSES))
    assert (code, err) == (0, "")
    title, *lines = out.splitlines()
    assert title.endswith("two.trace on attacc")
    assert [line.split()[0] for line in lines] == [
        "cycles", "requests", "commands", "rows", "used", "spent",
    ]  # fmt: skip
    assert "RD 1, WR 1, ACT 1" in out
    assert "1 hits, 1 misses" in out


def test_json_of_several_files_is_a_line_each(tool: Tool) -> None:
    files = [tool.file("a.trace", TWO_ACCESSES), tool.file("b.trace", "LD 0x0\n")]
    code, out, _ = tool.run(*files, "--json")
    both = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [result["requests"] for result in both] == [{"LD": 1, "ST": 1}, {"LD": 1}]
    assert all(sum(result["breakdown"].values()) == result["cycles"] for result in both)


def test_files_before_a_bad_one_are_printed(tool: Tool) -> None:
    code, out, err = tool.run(tool.file("a.trace", TWO_ACCESSES), tool.file("b.trace", "LD\n"))
    assert code == 1
    assert "a.trace on attacc" in out
    assert "b.trace:1:" in err


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("LD 0x0\nLD zz\n", "2:4", "'LD zz' is no request; expected 'NAME 0xADDRESS'"),
        ("LD 0x0\n\nLD 0x0\n", "2:1", "'' is no request"),
        ("LD 0x0\nLD 0x0\nLOAD 0x0", "3:1", "unknown request 'LOAD'; device \"attacc\" has LD, ST"),
        ("LD 0x0\nLD 0xfffffffffff\n", "2:4", "address 0xfffffffffff is beyond the device's 0x4"),
        ("LD 0x0\n" * 200_000 + "LD\n", "200001:3", "'LD' is no request"),
    ],
)
def test_a_bad_line_is_told_by_its_place(tool: Tool, text: str, place: str, message: str) -> None:
    code, out, err = tool.run(tool.file("bad.trace", text))
    assert (code, out) == (1, "")
    assert f"bad.trace:{place}: error: {message}" in err


def test_a_missing_file(tool: Tool) -> None:
    code, _, err = tool.run("none.trace")
    assert code == 1
    assert err.startswith("error: cannot read 'none.trace'")


def test_a_livelock_says_who_waits(tool: Tool) -> None:
    """All-bank activates close the rows of host requests that wait for their turn."""
    rng = random.Random(1)
    lines = [
        f"{rng.choice(('LD', 'PIM_MAC_AB'))} {rng.randrange(1 << 20) << 10:#x}\n" for _ in range(60)
    ]
    code, _, err = tool.run(tool.file("stuck.trace", "".join(lines)), "--device", "attacc-ref")
    assert code == 1
    assert 'error: livelock on device "attacc-ref": ' in err
    assert "wait for ever for each other's rows" in err


def test_timeline_has_a_process_per_channel_and_a_track_per_bank_group(
    tool: Tool, tmp_path: Path
) -> None:
    trace = tool.file("a.trace", "LD 0x0\nPIM_MAC_AB 0x400\n")
    shown = tmp_path / "timeline.json"
    assert tool.run(trace, "--device", "attacc-ref", "--timeline", str(shown))[0] == 0
    events = json.loads(shown.read_text())["traceEvents"]
    labels = {(e["pid"], e["tid"], e["name"]): e["args"]["name"] for e in events if e["ph"] == "M"}
    assert labels[0, 0, "process_name"] == "channel 0"
    assert labels[0, 1, "thread_name"] == "pc 0 ra 0 bg 0"
    assert labels[0, 0, "thread_name"] == "many banks"
    tracks = {(e["name"], e["tid"]) for e in events if e["ph"] == "X"}
    assert {("RD", 1), ("MACAB", 0), ("ACTAB", 0)} <= tracks


@pytest.mark.parametrize(
    ("stream", "device"),
    [
        ("attacc/mixpim16_1_700", "attacc-ref"),
        ("attacc/kern_attn3", "attacc"),
        ("hbmpim/addop2_rnd_150", "hbm-pim-ref"),
    ],
)
def test_a_timeline_is_a_chrome_trace(tool: Tool, tmp_path: Path, stream: str, device: str) -> None:
    """The rules of the format: phases and their fields, named tracks, slices that nest."""
    shown = tmp_path / "timeline.json"
    file = str(GOLDEN / f"{stream}.trace")
    result = tool.result(file, "--device", device, "--timeline", str(shown))
    events = json.loads(shown.read_text())["traceEvents"]
    assert all(type(event[key]) is int for event in events for key in ("pid", "tid"))
    labels = [event for event in events if event["ph"] == "M"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [*labels, *slices] == events
    tracks = {(event["pid"], event["tid"]) for event in slices}
    named = [(event["name"], event["pid"], event["tid"]) for event in labels]
    assert len(set(named)) == len(named)
    assert {(pid, tid) for name, pid, tid in named if name == "thread_name"} == tracks
    assert {pid for name, pid, _ in named if name == "process_name"} == {pid for pid, _ in tracks}
    # Whole numbers of one length: slices of a track are apart or coincide.
    assert all(type(e["ts"]) is int and e["dur"] == 1 for e in slices)
    assert [e["ts"] for e in slices] == sorted(e["ts"] for e in slices)
    assert 1 <= slices[0]["ts"] <= slices[-1]["ts"] <= result["cycles"]
    assert Counter(e["name"] for e in slices) == result["commands"]
    assert all(number >= 0 for e in slices for number in e["args"].values())


def test_timeline_shows_so_many_commands_and_says_so(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "EVENT_LIMIT", 2)
    shown = tmp_path / "timeline.json"
    code, _, err = tool.run(tool.file("a.trace", TWO_ACCESSES), "--timeline", str(shown))
    assert (code, err) == (0, f"warning: '{shown}' shows the first 2 of 3 commands\n")
    trace = json.loads(shown.read_text())
    assert [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"] == ["ACT", "RD"]
    assert (trace["otherData"]["commands"], trace["otherData"]["shown"]) == (3, 2)


def test_timeline_is_of_one_file(tool: Tool, tmp_path: Path) -> None:
    trace = tool.file("a.trace", TWO_ACCESSES)
    code, _, err = tool.run(trace, trace, "--timeline", str(tmp_path / "timeline.json"))
    assert code == 1
    assert "--timeline shows one file; given are 2" in err


def test_a_program_takes_as_long_as_its_trace(
    tool: Tool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trace names no register entries, which the published rules do not look at."""
    source = tool.file("gemv.mlir", GEMV)
    arguments = [source, "-p", "pim-compile{device=attacc-ref}", "-t", "pim-trace"]
    assert pim_opt_tool.main(arguments) == 0
    trace = tool.file("gemv.trace", capsys.readouterr().out)
    from_program = tool.result(source, "--device", "attacc-ref", "-O1")
    from_trace = tool.result(trace, "--device", "attacc-ref")
    assert from_program["requests"]["PIM_MAC_AB"] > 0
    # Commands that differ only in what they compute have one name in traces.
    counts = [sum(result.pop("commands").values()) for result in (from_program, from_trace)]
    assert counts[0] == counts[1]
    assert from_trace == from_program
