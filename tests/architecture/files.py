"""One test for many files: as tests of their own, thousands of them would cost too much."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def each(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """The check is made for every file; the test fails with all that it has found, by file."""
    chosen = list(paths)
    assert chosen, "there is nothing to look at"

    def over_all(check: Callable[[Path], None]) -> Callable[[], None]:
        # a copy of the names only: pytest would ask the check itself for its parameters
        @functools.wraps(check, updated=())
        def test() -> None:
            found = [
                f"{path.relative_to(_ROOT)}: {wrong}" for path in chosen for wrong in _ask(path)
            ]
            assert not found, "\n".join(found)

        def _ask(path: Path) -> list[str]:
            try:
                check(path)
            except AssertionError as wrong:
                return [str(wrong)]
            return []

        del test.__wrapped__
        return test

    return over_all
