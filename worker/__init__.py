"""Queue, clock and sweeps: decode, set the scope, call one function."""
