"""The mail queue: every mail is first a row."""
