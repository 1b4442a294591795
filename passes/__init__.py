"""The compiler passes: one file, one pass."""
