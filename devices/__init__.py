"""Devices as data: YAML files and the classes that load and check them."""

from pim_opt.devices.by_identity import ByIdentity
from pim_opt.devices.files import DeviceError
from pim_opt.devices.host import Host
from pim_opt.devices.host_loader import host_names, load_host
from pim_opt.devices.loader import check_device, device_names, load_device
from pim_opt.devices.model import Device

__all__ = [
    "ByIdentity",
    "Device",
    "DeviceError",
    "Host",
    "check_device",
    "device_names",
    "host_names",
    "load_device",
    "load_host",
]
