"""The overview: what needs attention over the whole installation."""
