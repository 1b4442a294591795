"""Devices as data: YAML files and the classes that load and check them."""

from pim_opt.devices.by_identity import ByIdentity
from pim_opt.devices.loader import DeviceError, check_device, device_names, load_device
from pim_opt.devices.model import Device

__all__ = ["ByIdentity", "Device", "DeviceError", "check_device", "device_names", "load_device"]
