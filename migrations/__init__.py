"""Alembic revisions; one that makes a tenant table also makes its policies and grants."""
