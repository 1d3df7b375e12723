"""The health of the queues: what waits in Redis, what waits in the database, the sweeps."""
