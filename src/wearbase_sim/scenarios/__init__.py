"""Stories that can be played: options, members and timed steps, each in a TOML file beside this one."""
