"""Invoicing across a change of the clocks, with workers that are killed at random moments."""

from datetime import date

import pytest

from tests.faults.rig import Rig
from tests.simulation.plan import make_plan
from tests.simulation.year import Site, simulate

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]


def test_killed_workers_bill_every_instant_once_and_the_same_as_workers_that_live(
    rig: Rig, tmp_path
):
    """A short one of `python -m tests.simulation.year`: the proof is made there."""
    plan = make_plan(
        8,
        first_on=date(2025, 3, 20),
        days=62,
        # both left out a midnight, or had it twice, in these weeks
        zones=("America/Santiago", "Africa/Cairo"),
        every=9,
        pace=3,
    )
    site = Site(rig.environment, tmp_path, rig.postgres.socket_dir)
    killer = simulate(site, plan, kills=3, workers=2, say=print)
    assert killer.killed == 3
    assert killer.in_the_middle
