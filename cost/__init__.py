"""Analytical cost model: closed-form work and time from shape, schedule and device."""
