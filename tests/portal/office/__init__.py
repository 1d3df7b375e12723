"""Tests of the back office's screens."""
