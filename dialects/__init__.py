"""The intermediate representation: the `pim` and `layout` dialects and the mathematics they wrap."""
