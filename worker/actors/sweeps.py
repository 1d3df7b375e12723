"""The actor that runs sweeps."""

from worker import sweeps
from worker.broker import actor


# not tried again: the next tick asks anew
@actor(sweeps.JOB, max_retries=0)
def run_sweep(sweep: str) -> None:
    """Run the sweep called `sweep`, unless it ran already since it was asked for."""
    sweeps.run_sweep(sweep)
