"""Tests of who exists and may do what."""
