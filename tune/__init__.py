"""Schedules: how they are chosen."""
