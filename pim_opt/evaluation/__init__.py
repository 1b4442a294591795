"""The published evaluation, run again: what it measures, what it published, and ours beside it."""
