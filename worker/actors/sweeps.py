"""The actors that run sweeps, and what sweeps ask for without a tenant."""

from worker import sweeps
from worker.broker import actor
from worker.sweeps import invariants


# not tried again: the next tick asks anew
@actor(sweeps.JOB, max_retries=0)
def run_sweep(sweep: str) -> None:
    """Run the sweep called `sweep`, unless it ran already since it was asked for."""
    sweeps.run_sweep(sweep)


@actor(invariants.JOB, max_retries=0)
def check_invariant(rule: str) -> None:
    """Check one rule over all tenants."""
    invariants.check(rule)
