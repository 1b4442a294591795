"""What schedules raise."""


class ScheduleError(ValueError):
    """A schedule that cannot be read, or that does not fit its kernel or device."""
