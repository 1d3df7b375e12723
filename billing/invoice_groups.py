"""The lines of an invoice as they are printed: in groups with subtotals, in a row, or summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.invoice_contents import Line
from billing.invoice_format import InvoiceFormatter, Translate
from billing.invoice_pdf import InvoiceLine as PrintedLine
from billing.invoice_pdf import LineGroup

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The lines of one kind and what they come to."""

    title: str
    lines: Sequence[Line]

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), _ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), _ZERO)


def group_lines(
    lines: Sequence[Line], formatter: InvoiceFormatter, _: Translate, grouping: str
) -> tuple[LineGroup, ...]:
    """`grouping` is one of `invoice_look.GROUPINGS`; inside a group the lines keep their order."""
    kinds = _kinds(lines, _)
    if grouping == "summary":
        return _summary(kinds, formatter)
    printed = _printed([line for kind in kinds for line in kind.lines], formatter)
    if grouping == "none":
        return (LineGroup("", "", tuple(printed)),) if printed else ()
    sums = _amounts([(kind.net, kind.tax) for kind in kinds], formatter)
    groups = []
    for kind, (net, tax, gross) in zip(kinds, sums, strict=True):
        members, printed = printed[: len(kind.lines)], printed[len(kind.lines) :]
        groups.append(LineGroup(kind.title, net, tuple(members), tax, gross))
    return tuple(groups)


def _kinds(lines: Sequence[Line], _: Translate) -> list[_Kind]:
    titles = {
        "package_fee": _("Packages"),
        "services_charge": _("Services"),
        "extra_charge": _("Extra charges"),
    }
    by_kind: dict[str, list[Line]] = {}
    for line in lines:
        by_kind.setdefault(line.group, []).append(line)
    return [_Kind(titles.get(name, _("Other")), members) for name, members in by_kind.items()]


def _summary(kinds: Sequence[_Kind], formatter: InvoiceFormatter) -> tuple[LineGroup, ...]:
    """One line a kind; its quantity says how many charges it adds up."""
    sums = _amounts([(kind.net, kind.tax) for kind in kinds], formatter)
    lines = [
        PrintedLine(
            kind.title,
            formatter.quantity(Decimal(len(kind.lines))),
            "",
            net,
            tax=tax,
            gross=gross,
            position=str(number),
        )
        for number, (kind, (net, tax, gross)) in enumerate(zip(kinds, sums, strict=True), 1)
    ]
    return (LineGroup("", "", tuple(lines)),) if lines else ()


def _printed(lines: Sequence[Line], formatter: InvoiceFormatter) -> list[PrintedLine]:
    sums = _amounts([(line.net, line.tax) for line in lines], formatter)
    return [
        PrintedLine(
            line.description,
            formatter.quantity(line.quantity, line.unit),
            formatter.rate(line.unit_price),
            net,
            tax=tax,
            gross=gross,
            position=str(number),
        )
        for number, (line, (net, tax, gross)) in enumerate(zip(lines, sums, strict=True), 1)
    ]


def _amounts(
    amounts: Sequence[tuple[Decimal, Decimal]], formatter: InvoiceFormatter
) -> list[tuple[str, str, str]]:
    """Net, tax and their sum, each as a column whose decimal points stand below each other."""
    columns = (
        [net for net, _tax in amounts],
        [tax for _net, tax in amounts],
        [net + tax for net, tax in amounts],
    )
    return list(zip(*(formatter.column(column) for column in columns), strict=True))
