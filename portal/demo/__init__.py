"""Demo data for an empty installation, made through the functions that the screens use."""
