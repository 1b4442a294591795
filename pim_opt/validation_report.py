"""What a validation of the cost model finds: errors, regrets, and figures of both."""

from dataclasses import asdict, dataclass

from pim_opt.tune.model_error import ModelError, geometric_mean, model_error


@dataclass(frozen=True)
class Comparison:
    """One kernel under one schedule, predicted and simulated."""

    shape: tuple[int, ...]
    schedule: str
    predicted: float
    """Cycles."""
    cycles: int
    """Cycles that the simulator counts."""
    parts: dict[str, float]
    """What the model spends its cycles on."""
    breakdown: dict[str, int]
    """What the simulator spends its cycles on."""

    @property
    def error(self) -> float:
        """Relative error of the prediction; positive if it is too high."""
        return self.predicted / self.cycles - 1


@dataclass(frozen=True)
class SpaceOutcome:
    """The simulated cycles of what can be chosen in one space."""

    shape: tuple[int, ...]
    schedules: int
    """How many were simulated."""
    chosen: int
    """Cycles of the one that the model likes best."""
    confirmed: int
    """Cycles of the fastest among the model's best, `measuring.CONFIRMED` of them."""
    best: int
    """Cycles of the fastest of all."""
    chosen_schedule: str
    best_schedule: str

    @property
    def regret(self) -> float:
        """By how much the model's choice is slower than the best, as a fraction."""
        return self.chosen / self.best - 1

    @property
    def confirmed_regret(self) -> float:
        """The same of the choice that simulation confirms."""
        return self.confirmed / self.best - 1


@dataclass(frozen=True)
class Validation:
    """How good the model is on a device, for a kind of kernel."""

    device: str
    kind: str
    seed: int
    comparisons: tuple[Comparison, ...]
    spaces: tuple[SpaceOutcome, ...]
    failed: tuple[str, ...]
    """Items that gave an error, and which."""
    complete: bool
    seconds: float

    @property
    def error(self) -> ModelError | None:
        """Errors over the sample; None if there is none."""
        if not self.comparisons:
            return None
        return model_error(
            [c.predicted for c in self.comparisons], [c.cycles for c in self.comparisons]
        )

    def regrets(self) -> dict[str, float]:
        """Geometric mean and worst of both regrets over the spaces; empty if there are none."""
        if not self.spaces:
            return {}
        plain = [1 + space.regret for space in self.spaces]
        confirmed = [1 + space.confirmed_regret for space in self.spaces]
        return {
            "regret_geomean": geometric_mean(plain) - 1,
            "regret_worst": max(plain) - 1,
            "confirmed_regret_geomean": geometric_mean(confirmed) - 1,
            "confirmed_regret_worst": max(confirmed) - 1,
        }

    def as_json(self) -> dict[str, object]:
        """The figures without what they are made of, ready for json.dumps."""
        error = self.error
        figures: dict[str, float] = {} if error is None else asdict(error)
        figures |= self.regrets()
        return {
            **{name: round(value, 6) for name, value in figures.items()},
            "device": self.device,
            "kind": self.kind,
            "seed": self.seed,
            "samples": len(self.comparisons),
            "spaces": len(self.spaces),
            "schedules": sum(space.schedules for space in self.spaces),
            "failed": len(self.failed),
            "complete": self.complete,
            "seconds": round(self.seconds, 1),
        }
