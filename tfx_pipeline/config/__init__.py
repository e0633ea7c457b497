"""Every value that a user can set: its default, its limits, its meaning, and how flags and TOML files reach it."""
