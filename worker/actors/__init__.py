"""Actors: decode the arguments, call one function, nothing else. One file per domain package."""
