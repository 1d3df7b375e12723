"""Makes the rows that tests need, through the public functions."""
