"""Which tests share a process, and which begin first.

The long ones begin first, so that none is left alone at the end. Those that share something dear to
make stay together: the rig of real workers, a whole running site.
"""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadFileScheduling

_FIRST = (
    "tests/journeys/",
    "tests/tenancy/",
    "tests/faults/",
    "tests/worker/",
    "tests/portal/test_demo.py",
    "tests/portal/panel/test_panel_in_browser.py",
    "tests/portal/test_look_in_browser.py",
    "tests/portal/",
)
_OF_FORMS = {"test_card_numbers.py", "test_leaks.py", "test_mass_assignment.py"}


def room_of(nodeid: str) -> str:
    """The name under which tests go to one process together."""
    path = PurePosixPath(nodeid.split("::", 1)[0])
    if path.is_relative_to("tests/faults"):
        return "tests/faults"
    if path.is_relative_to("tests/tenancy"):
        # its world and all forms of all pages are read once a process
        return f"tests/tenancy, {'forms' if path.name in _OF_FORMS else 'addresses'}"
    if path.is_relative_to("tests/journeys"):
        # the walk through all pages of the office is as long as ten others
        is_with_the_walk = "test_j" < path.name < "test_t"
        return f"tests/journeys, {'second' if is_with_the_walk else 'first'} half"
    return str(path)


def place(nodeid: str) -> tuple[int, str]:
    """Sorts tests by when they begin."""
    rank = next((i for i, start in enumerate(_FIRST) if nodeid.startswith(start)), len(_FIRST))
    return rank, room_of(nodeid)


class ByRoom(LoadFileScheduling):  # type: ignore[misc]
    """Rooms in the order of `place`, each to the first process that is free."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)  # type: ignore[arg-type]
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return room_of(nodeid)
