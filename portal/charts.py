"""Charts as shapes on a grid of 1000 by 300, for `components/chart.html` to draw as SVG.

Figures become places on the grid and nothing else: what is read stands in the table beneath. The
lines of the grid are evenly spaced, so that their labels can stand beside them as plain text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

WIDTH, HEIGHT = 1000, 300
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LINES = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the grid, from the line of zero up or down; `title` says it in words."""

    x: str
    y: str
    width: str
    height: str
    title: str
    is_negative: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """`ticks` are the figures of the grid's lines from top to bottom, evenly spaced."""

    bars: Sequence[Bar]
    points: str
    ticks: Sequence[Decimal]
    lines: Sequence[str]
    zero: str
    first: str
    last: str


def draw_bars(values: Sequence[tuple[str, Decimal, str]]) -> Chart | None:
    """Label, figure and words of each bar; None when there is nothing to see."""
    return _draw(values, is_line=False)


def draw_line(values: Sequence[tuple[str, Decimal, str]]) -> Chart | None:
    """The same as one line from the first to the last."""
    return _draw(values, is_line=True)


def _draw(values: Sequence[tuple[str, Decimal, str]], *, is_line: bool) -> Chart | None:
    if len(values) < 2 or not any(figure for _label, figure, _words in values):
        return None
    ticks = _ticks([figure for _label, figure, _words in values])
    top, bottom = ticks[0], ticks[-1]

    def place(figure: Decimal) -> Decimal:
        return (top - figure) / (top - bottom) * HEIGHT

    zero = place(Decimal())
    slot = Decimal(WIDTH) / len(values)
    bars, points = [], []
    for n, (_label, figure, words) in enumerate(values):
        y = place(figure)
        # a bar of a small figure can still be seen
        height = max(abs(zero - y), Decimal(1)) if figure else Decimal()
        if is_line:
            points.append(f"{_short(n * Decimal(WIDTH) / (len(values) - 1))},{_short(y)}")
        else:
            bars.append(
                Bar(
                    _short(n * slot + slot / 8),
                    _short(zero if figure < 0 else zero - height),
                    _short(slot * 3 / 4),
                    _short(height),
                    words,
                    figure < 0,
                )
            )
    return Chart(
        bars,
        " ".join(points),
        ticks,
        [_short(place(tick)) for tick in ticks],
        _short(zero),
        values[0][0],
        values[-1][0],
    )


def _ticks(figures: Sequence[Decimal]) -> list[Decimal]:
    """Round figures, evenly spaced, zero among them, from above the highest to below the lowest."""
    low, high = min(Decimal(), *figures), max(Decimal(), *figures)
    rough = (high - low) / _LINES
    scale = Decimal(1).scaleb(rough.adjusted())
    step = next(one * scale for one in _STEPS if one * scale >= rough)
    above = int((high / step).to_integral_value(ROUND_CEILING))
    below = int((-low / step).to_integral_value(ROUND_CEILING))
    return [(above - n) * step for n in range(above + below + 1)]


def _short(value: Decimal) -> str:
    return format(round(value, 2), "f")
