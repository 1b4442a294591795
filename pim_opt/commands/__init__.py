"""The subcommands of `pimc`, a module each: its options, what it does, and how it shows it."""
