"""Kill, lose, repeat: real processes, and the money must be right each time."""
