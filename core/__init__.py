"""Settings, database, tenant scope, unit of work, errors, clock, ids: no business words."""
