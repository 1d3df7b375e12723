"""The client panel, made for the phone first: one folder a screen."""
