"""What the simulation's `dramatiq` loads: the product's own worker, in the simulated time."""

import os
from pathlib import Path

from core import clock as product_clock
from tests.simulation import clock

clock.follow(Path(os.environ[clock.VARIABLE]))
# the database keeps the machine's time, which the product's worker would follow
product_clock.follow_database = lambda: None

from worker import main  # noqa: E402, F401 (after its clock)
