"""Named pipelines: what stands behind a name in a pass pipeline."""

from collections.abc import Callable, Mapping

from pim_opt.pipeline_spec import OptionSpec, PassSpec

Options = Mapping[str, OptionSpec]

PIM_COMPILE_OPTIONS = {
    "device": "attacc",
    "inputs": "dram",
    "narrow_to": "",
    "objective": "latency",
    "opt": "1",
    "records": "",
    "schedule": "",
    "top_k": "16",
    "variable_length": "false",
}
"""Options of pim-compile and their defaults; empty means not given."""

OPT_LEVELS = ("1", "2", "3")
"""Schedules by rule of thumb, by the cost model, and by the cost model and simulation."""


def _stage(name: str, options: Options, *wanted: str) -> PassSpec:
    """A pass with those of the pipeline's options that it takes."""
    return PassSpec(name, {key: options[key] for key in wanted if key in options}, 0)


def _choose_schedules(options: Options) -> PassSpec:
    """The pass that schedules kernels, by the level of `opt`; a schedule that is given goes first.

    Raises:
        ValueError: there is no such level.
    """
    level = options["opt"].value if "opt" in options else PIM_COMPILE_OPTIONS["opt"]
    if level not in OPT_LEVELS:
        raise ValueError(f"opt is {level}; expected one of {', '.join(OPT_LEVELS)}")
    if "schedule" in options or level == "1":
        return _stage("pim-set-schedule", options, "schedule")
    if level == "2":
        tune = _stage("pim-autotune", options, "objective", "top_k")
        return PassSpec(tune.name, {**tune.options, "confirm": OptionSpec("false", 0)}, 0)
    return _stage("pim-autotune", options, "objective", "top_k", "records")


def _length_argument(options: Options) -> list[PassSpec]:
    """The pass that makes the number of positions an argument, if `variable-length` says so.

    Raises:
        ValueError: it says something else than yes or no.
    """
    given = options["variable_length"].value if "variable_length" in options else "false"
    if given not in ("true", "false"):
        raise ValueError(f"variable-length is {given}; expected true or false")
    return [_stage("pim-length-argument", options)] if given == "true" else []


def pim_compile(options: Options) -> list[PassSpec]:
    """From linalg on tensors to command programs.

    Raises:
        ValueError: an option has a value that there is not.
    """
    return [
        # Contractions in one form, however the frontend wrote them.
        _stage("linalg-normalize", options),
        # One program for all lengths, if that is wanted.
        *_length_argument(options),
        # What the device can run, wrapped; the rest stays on the host.
        _stage("pim-outline", options, "device", "narrow_to", "inputs"),
        # How each kernel is distributed and fed.
        _choose_schedules(options),
        # Loops over groups, cores and local iterations.
        _stage("pim-distribute", options),
        # A place for every operand, and what must move to get there.
        _stage("layout-map-banks", options),
        _stage("layout-insert-rearrangements", options),
        _stage("layout-fold-rearrangements", options),
        # Command programs, with no more barriers than the device needs.
        _stage("pim-lower-to-commands", options),
        _stage("pim-schedule-commands", options),
    ]


PIPELINES: dict[str, tuple[Callable[[Options], list[PassSpec]], Mapping[str, str]]] = {
    "pim-compile": (pim_compile, PIM_COMPILE_OPTIONS),
}
"""Name to expansion and options."""
