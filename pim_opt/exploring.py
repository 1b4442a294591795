"""Exploring a device: what other values of its fields would be worth, kernel by kernel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from pim_opt.devices import Device, DeviceError, check_device, load_device
from pim_opt.devices.variants import field_value, variant_text
from pim_opt.diagnostics import Failure, failure
from pim_opt.tune.objectives import Objective
from pim_opt.tuning import TuneReport, autotune

Settings = Mapping[str, tuple[object, ...]]
"""Paths of fields, as `registers.acc.entries`, to the values to look at."""


@dataclass(frozen=True)
class KernelShape:
    """A kind of kernel and its sizes."""

    kind: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind} {','.join(map(str, self.shape))}"


@dataclass(frozen=True)
class Explored:
    """A kernel tuned on a device with some of its fields set."""

    kernel: KernelShape
    values: dict[str, object]
    """Of the fields, by path."""
    unchanged: bool
    """Whether these are the values of the device's own file."""
    cycles: int | None
    """Of the best schedule, simulated; None if there is none."""
    time_us: float | None
    energy_uj: float | None
    schedule: str
    problem: str
    """Why there is no schedule; else empty."""


def explore(
    device: str,
    settings: Settings,
    kernels: Sequence[KernelShape],
    *,
    folder: Path,
    objective: Objective = "latency",
    top_k: int = 16,
    records: Path | None = None,
) -> Iterator[Explored]:
    """Tune every kernel on the device as it is, and with each combination of the values.

    Args:
        device: a known device's name, or the path of a device file.
        settings: the fields and their values.
        kernels: what to tune.
        folder: where the files of the changed devices are written; they are the variants for good.
        objective: what the best schedule has least of.
        top_k: schedules to simulate, the best under the model.
        records: a file that remembers what tunings found.

    Raises:
        Failure: no such device or field, or a kernel that cannot be tuned on the device as it is.
    """
    try:
        base = load_device(device)
        own = {path: field_value(base, path) for path in settings}
    except DeviceError as error:
        raise failure(str(error)) from error
    names = list(settings)
    combinations = [dict(zip(names, values, strict=True)) for values in product(*settings.values())]
    others = [values for values in combinations if values != own]
    for kernel in kernels:
        for number, values in enumerate([own, *others]):
            try:
                path = device if not number else _written(base, values, folder)
                report = _tuned(kernel, path, objective, top_k, records)
            except (DeviceError, Failure) as error:
                if not number:
                    raise
                yield Explored(kernel, values, False, None, None, None, "", _first_line(error))
                continue
            yield _explored(kernel, values, not number, report, base)


def _written(base: Device, values: Mapping[str, object], folder: Path) -> str:
    """The path of the file of a changed device.

    Raises:
        DeviceError: the values do not make a device.
    """
    name = "_".join([base.name, *(f"{path}={value}" for path, value in values.items())])
    path = folder / f"{name}.yaml"
    path.write_text(variant_text(base, name, values), encoding="utf-8")
    _, errors = check_device(str(path))
    if errors:
        raise errors[0]
    return str(path)


def _tuned(
    kernel: KernelShape, device: str, objective: Objective, top_k: int, records: Path | None
) -> TuneReport:
    (report,) = autotune(
        kernel.kind,
        shape=kernel.shape,
        device=device,
        objective=objective,
        top_k=top_k,
        records=records,
    )
    return report


def _explored(
    kernel: KernelShape,
    values: dict[str, object],
    unchanged: bool,
    report: TuneReport,
    base: Device,
) -> Explored:
    cycles = report.simulated_cycles
    assert cycles is not None, "what is reported has been simulated"
    clock = values.get("clock_ps", base.clock_ps)
    assert isinstance(clock, int), "the check of the device has seen to it"
    energy = report.best.energy_pj / 1e6
    return Explored(
        kernel, values, unchanged, cycles, cycles * clock / 1e6, energy, report.schedule, ""
    )


def _first_line(error: DeviceError | Failure) -> str:
    message = error.message if isinstance(error, DeviceError) else error.diagnostic.message
    return message.splitlines()[0]
