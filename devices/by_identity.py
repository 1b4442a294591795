"""Devices as keys: they hold tables, so that they have no hash of their own."""

from dataclasses import dataclass

from pim_opt.devices.model import Device


@dataclass(frozen=True, eq=False)
class ByIdentity:
    """A device that equals itself alone, and lives as long as what is kept for it."""

    device: Device

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and other.device is self.device

    def __hash__(self) -> int:
        return id(self.device)
