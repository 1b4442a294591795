"""Simulators: NumPy evaluation of every IR level, and execution of command programs."""
