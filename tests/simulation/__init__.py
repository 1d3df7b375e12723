"""A year of billing in a moved time, with real workers that are killed."""
