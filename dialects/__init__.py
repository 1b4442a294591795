"""The intermediate representation: dialects `pim` and `layout`, and the mathematics they wrap."""
