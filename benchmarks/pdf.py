"""Invoices drawn a second on one core: 40 lines on 2 pages, each with its own data.

`python -m benchmarks.pdf [count]` prints our figure and, in the same run, the reference: Typst
alone setting the same lines as a bare table, without letterhead, totals, archival standards or
our data classes. One process, one thread; medians of batches, the spread shows a busy machine.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import typst
from pypdf import PdfReader

from billing.invoice_format import InvoiceFormatter, invoice_labels, invoice_words
from billing.invoice_pdf import (
    AmountDue,
    Fact,
    InvoiceDocument,
    InvoiceLine,
    LineGroup,
    Party,
    PayLink,
    SumRow,
    TaxRow,
    render_invoice_pdf,
)
from core.money import minor_amount
from core.zones import get_zone

LINES = 40
BATCH = 20
RATE = Decimal("0.0125")


def build_document(number: int) -> InvoiceDocument:
    """An invoice whose every line differs from that of any other number."""
    formatter = InvoiceFormatter.create("en", "EUR")
    words = invoice_words(str)
    minutes = [Decimal(number * 17 + line * 37 + 12) for line in range(LINES)]
    amounts = [quantity * RATE for quantity in minutes]
    net = sum(amounts, Decimal(0))
    tax = net * 19 / 100
    total = minor_amount(net + tax, "EUR")
    printed = formatter.column(amounts)
    lines = tuple(
        InvoiceLine(
            f"Calls to Germany, mobile, prefix 4915{line}, account {number:06}",
            formatter.quantity(quantity, "min"),
            formatter.rate(RATE),
            amount,
        )
        for line, (quantity, amount) in enumerate(zip(minutes, printed, strict=True))
    )
    due = formatter.day(date(2026, 3, 15))
    period = formatter.period(date(2026, 2, 1), date(2026, 2, 28), get_zone("Europe/Berlin"))
    return InvoiceDocument(
        title=words.invoice,
        number=f"INV-2026-{number:06}",
        invoice_on=date(2026, 3, 1),
        seller=Party("Acme Telecom Ltd", ("14 Harbour Street", "Dublin", "VAT IE6388047V")),
        buyer=Party(f"Globex GmbH {number}", ("Invalidenstraße 117", "10115 Berlin")),
        facts=(Fact(words.due_date, due), Fact(words.period, period)),
        due=AmountDue(words.amount_due, formatter.amount(total), words.pay_by, due),
        groups=(LineGroup("Calls", formatter.exact_amount(net), lines),),
        sums=(
            SumRow(words.subtotal, formatter.exact_amount(net)),
            SumRow("VAT 19%", formatter.exact_amount(tax)),
            SumRow(words.rounding, formatter.exact_amount(total - net - tax)),
            SumRow(words.total, formatter.amount(total), is_total=True),
        ),
        taxes=(TaxRow("VAT", "19%", formatter.exact_amount(net), formatter.exact_amount(tax)),),
        how_to_pay="Transfer the amount and state the number.",
        bank=(Fact("IBAN", "IE29 AIBK 9311 5212 3456 78"),),
        pay_link=PayLink(words.pay_online, f"https://portal.example/invoices/{number}"),
        footer="Acme Telecom Ltd",
        labels=invoice_labels(str),
    )


def measure(draw: Callable[[int], object], count: int) -> list[float]:
    """Runs a second, one figure a batch."""
    figures = []
    for start in range(0, count, BATCH):
        begun = time.perf_counter()
        for number in range(start, start + BATCH):
            draw(number)
        figures.append(BATCH / (time.perf_counter() - begun))
    return figures


def report(name: str, figures: list[float]) -> float:
    median = statistics.median(figures)
    spread = f"worst batch {min(figures):.1f}, best {max(figures):.1f}"
    print(f"{name:44} {median:7.1f} a second ({spread})")
    return median


REFERENCE = """\
#set text(font: "Noto Sans")
#let data = json(bytes(sys.inputs.rows))
#table(columns: (1fr, auto, auto, auto), ..data.flatten())
"""


def measure_reference(count: int) -> list[float]:
    with tempfile.NamedTemporaryFile("w", suffix=".typ") as source:
        source.write(REFERENCE)
        source.flush()
        fonts = str(Path(__file__).parent.parent / "static" / "fonts")
        compiler = typst.Compiler(
            input=source.name, root="/", font_paths=[fonts], ignore_system_fonts=True
        )

        def draw(number: int) -> None:
            rows = [
                [line.description, line.quantity, line.unit_price, line.net]
                for line in build_document(number + count).groups[0].lines
            ]
            compiler.compile(format="pdf", sys_inputs={"rows": json.dumps(rows)})

        draw(-1)
        return measure(draw, count)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    begun = time.perf_counter()
    first = render_invoice_pdf(build_document(0))
    first_ms = (time.perf_counter() - begun) * 1000
    pages = len(PdfReader(BytesIO(first)).pages)
    print(f"first invoice, fonts and template read: {first_ms:.0f} ms, {len(first)} bytes")
    ours = report(
        f"our invoice, {LINES} lines on {pages} pages",
        measure(lambda number: render_invoice_pdf(build_document(number + 1)), count),
    )
    reference = report(f"Typst alone, a bare table of {LINES} lines", measure_reference(count))
    print(f"ratio: {ours / reference:.2f}")
    same = build_document(1)
    report("the same invoice drawn again", measure(lambda _: render_invoice_pdf(same), count))
    print(f"memory at the end: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
