"""What the simulation's `dramatiq` loads: the product's own worker, in the simulated time."""

import os
from pathlib import Path

from tests.simulation import clock

clock.follow(Path(os.environ[clock.VARIABLE]))

from worker import main  # noqa: E402, F401 (after its clock)
