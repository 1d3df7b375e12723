"""Files for spreadsheets: nothing in them runs, everything in them is read again as it was."""

import csv
import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from core.sheet_writer import BOM, as_before, harmless, is_risky, write_csv, write_xlsx

FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1",
    "＝1+1",
    "＋1+1",
    '=HYPERLINK("http://evil.example","click")',
]


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def xlsx(rows: list[list[object]]) -> bytes:
    out = io.BytesIO()
    write_xlsx(out, ["A", "B"], rows, sheet="Clients: all/of [them]")  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_csv_cell_that_would_run_begins_with_an_apostrophe(text: str):
    (row,) = read_csv(b"".join(write_csv([[text, "x"]])))
    assert row[0].startswith("'")


@pytest.mark.parametrize("mark", [";", "\t", "|", "\n"])
def test_no_column_of_a_spreadsheet_that_cuts_elsewhere_would_run(mark: str):
    text = f"x{mark}=cmd|' /C calc'!A0{mark}'+1+1{mark}-5{mark}plain"
    content = b"".join(write_csv([["name", text, "y"]])).decode()
    columns = [one.strip('"') for line in content.splitlines() for one in line.split(mark)]
    assert not any(is_risky(one) for one in columns)
    assert as_before(harmless(text)) == text
    assert harmless(text).endswith(f"{mark}-5{mark}plain")


@pytest.mark.parametrize("text", [*FORMULAS, "a;'=1", "';=1", "a\nb", "\n\n=1;", "''=1\t''=2"])
def test_what_was_made_harmless_is_read_as_it_was(text: str):
    assert as_before(harmless(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "Orbit", "-5", "+49", "-12.50", "1=2", "a@b.example", "’x", "a; -b", "1;-2", "a\nb"],
)
def test_a_harmless_csv_cell_stays_as_it_is(text: str):
    assert harmless(text) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_an_xlsx_cell_is_text_even_when_it_looks_like_a_formula(text: str):
    sheet = load_workbook(io.BytesIO(xlsx([[text, "x"]]))).active
    assert sheet is not None
    cell = sheet["A2"]
    assert cell.data_type != "f"
    assert cell.quotePrefix
    # line ends within a cell are one kind in XML
    assert str(cell.value).replace("\r", "\n") == text.replace("\r", "\n")


def test_numbers_and_days_of_an_xlsx_are_typed():
    # a spreadsheet knows no zones
    noon = datetime.fromisoformat("2026-02-28T13:05:09")
    rows = [[Decimal("-1234.500000"), date(2026, 2, 28)], [7, noon]]
    sheet = load_workbook(io.BytesIO(xlsx(rows))).active
    assert sheet is not None
    assert sheet["A2"].value == -1234.5
    assert sheet["B2"].value == datetime.fromisoformat("2026-02-28T00:00:00")
    assert sheet["A3"].value == 7
    assert sheet["B3"].value == noon


def test_odd_letters_survive_and_unprintable_ones_break_no_file():
    name = "Ünï 🦊 שלום \x00\x0b\ud800 <b>&\"'"
    sheet = load_workbook(io.BytesIO(xlsx([[name, None]]))).active
    assert sheet is not None
    assert sheet["A2"].value == "Ünï 🦊 שלום  <b>&\"'"
    assert sheet["B2"].value is None
    (row,) = read_csv(b"".join(write_csv([[name, None]])))
    assert row == ["Ünï 🦊 שלום  <b>&\"'", ""]


def test_csv_for_excel_says_its_encoding():
    assert b"".join(write_csv([["é"]], with_bom=True)).decode() == f"{BOM}é\r\n"
    assert b"".join(write_csv([["é"]])).decode() == "é\r\n"


def test_amounts_of_a_csv_are_plain_figures():
    (row,) = read_csv(b"".join(write_csv([[Decimal("-12.50"), Decimal("1E+3"), True, None]])))
    assert row == ["-12.50", "1000", "yes", ""]


def test_a_long_sheet_is_written_row_by_row():
    told: list[int] = []
    out = io.BytesIO()
    write_xlsx(out, ["n"], ([n] for n in range(1200)), watch=told.append)
    assert told == [500, 1000]
    with zipfile.ZipFile(out) as package:
        assert package.testzip() is None
    sheet = load_workbook(io.BytesIO(out.getvalue()), read_only=True).active
    assert sheet is not None
    assert sum(1 for _ in sheet.iter_rows()) == 1201
