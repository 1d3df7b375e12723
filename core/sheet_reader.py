"""Reading tables that people bring: CSV in the encodings and with the separators there are, XLSX.

A file is a stranger's: sizes are checked before anything is unpacked, a formula is its last value,
and entities of XML are refused.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Literal

from openpyxl import load_workbook

from core.errors import InvalidInputError
from core.sheet_writer import SHEET_ROWS, as_before, plain_figures

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 100
MOST_CELL = 5_000
"""Characters of a cell that are read."""
MOST_UNPACKED = 120 * 1024 * 1024
MOST_STRINGS = 30 * 1024 * 1024
"""Bytes of the table of texts, which is held in memory as a whole."""
MOST_PARTS = 1_000
# an honest sheet packs well, but not like a bomb
MOST_RATIO = 100
LAST_LINE = SHEET_ROWS + 1
"""No sheet has lines below it (ECMA-376 leaves it open, every spreadsheet has this end)."""
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 64 * 1024
_ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_STRINGS = re.compile(rb"<[^<>]*sharedStrings\+xml[^<>]*>", re.IGNORECASE)
_PART = re.compile(rb"PartName\s*=\s*[\"']([^\"']+)")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"

Kind = Literal["csv", "xlsx"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was understood: how it is written, its headings and its first rows."""

    kind: Kind
    encoding: str
    delimiter: str
    headings: Sequence[str]
    samples: Sequence[Sequence[str]]


def look_at(content: bytes) -> Sheet:
    """How the file is written; raises InvalidInputError in words for people."""
    if not content.strip():
        raise InvalidInputError("The file is empty.", "file")
    if len(content) > MOST_BYTES:
        raise InvalidInputError("The file is larger than 10 MB.", "file")
    if content.startswith(b"PK"):
        _check_package(content)
        kind, encoding, delimiter = "xlsx", "", ""
    elif content.startswith(_OLD_EXCEL):
        raise InvalidInputError(
            "This is a file of an old Excel. Save it as XLSX or CSV first.", "file"
        )
    else:
        kind, encoding = "csv", _find_encoding(content)
        delimiter = _find_delimiter(content[:_SAMPLE].decode(encoding, "replace"))
    made = Sheet(kind, encoding, delimiter, (), ())  # type: ignore[arg-type]  # one of the two
    rows = _all_rows(content, made)
    headings = [" ".join(cell.split())[:200] for cell in next(rows, [])]
    while headings and not headings[-1]:
        headings.pop()
    if not any(headings):
        raise InvalidInputError("The first line of the file has no headings.", "file")
    if len(headings) > MOST_COLUMNS:
        raise InvalidInputError("The file has more than 100 columns.", "file")
    samples = [row for _n, row in islice(_data_rows(rows, len(headings)), 5)]
    return Sheet(made.kind, encoding, delimiter, headings, samples)


def read_rows(content: bytes, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """The rows below the headings with their line's number in the file; blank lines are skipped.

    Raises InvalidInputError beyond MOST_ROWS.
    """
    rows = _all_rows(content, sheet)
    next(rows, None)
    for count, found in enumerate(_data_rows(rows, len(sheet.headings)), 1):
        if count > MOST_ROWS:
            raise InvalidInputError("The file has more than 50,000 rows. Split it.", "file")
        yield found


def _data_rows(rows: Iterator[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(rows, 2):
        cells = [cell.strip() for cell in row[:width]]
        if any(cells):
            yield number, cells + [""] * (width - len(cells))


def _all_rows(content: bytes, sheet: Sheet) -> Iterator[list[str]]:
    return _csv_rows(content, sheet) if sheet.kind == "csv" else _xlsx_rows(content)


def _csv_rows(content: bytes, sheet: Sheet) -> Iterator[list[str]]:
    text = content.decode(sheet.encoding, "replace").removeprefix("\ufeff")
    lines = io.StringIO(text, newline="")
    try:
        for row in csv.reader(lines, delimiter=sheet.delimiter):
            yield [as_before(cell.replace("\0", "")[:MOST_CELL]) for cell in row]
    except csv.Error as error:
        raise InvalidInputError(
            "The file cannot be read as CSV: a quotation mark may be missing.", "file"
        ) from error


def _find_encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    sample = content[:4096]
    # text without a mark in UTF-16 has a zero in every second byte
    for name, offset in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = sample[offset::2]
        if half and half.count(0) > len(half) * 0.7:
            return name
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _find_delimiter(sample: str) -> str:
    """The separator that the heading line has most of, outside quotation marks."""
    lines = sample.removeprefix("\ufeff").splitlines()
    first = next((line for line in lines if line.strip()), "")
    counts = {one: len(next(csv.reader([first], delimiter=one), [])) for one in _DELIMITERS}
    return max(_DELIMITERS, key=lambda one: counts[one])


def _check_package(content: bytes) -> None:
    """No bomb: raises InvalidInputError before anything large is unpacked."""
    broken = InvalidInputError("The file cannot be read as XLSX.", "file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            packed = sum(part.compress_size for part in parts)
            if (
                len(parts) > MOST_PARTS
                or unpacked > MOST_UNPACKED
                or unpacked > MOST_RATIO * max(packed, 1_000)
            ):
                raise InvalidInputError("The file unpacks to more than we read.", "file")
            if "xl/workbook.xml" not in package.namelist():
                raise broken
            _check_strings(package)
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with package.open(part) as xml:
                        if _ENTITIES.search(xml.read(_SAMPLE)):
                            raise broken
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        NotImplementedError,
        KeyError,
    ) as error:
        raise broken from error
    except RuntimeError as error:
        raise InvalidInputError("The file is protected by a password.", "file") from error


def _check_strings(package: zipfile.ZipFile) -> None:
    """The table of texts is whatever part the package says it is."""
    with package.open("[Content_Types].xml") as types:
        named = _STRINGS.findall(types.read(_SAMPLE))
    found = {
        name.decode("utf-8", "replace").lstrip("/") for tag in named for name in _PART.findall(tag)
    }
    if sum(one.file_size for one in package.infolist() if one.filename in found) > MOST_STRINGS:
        raise InvalidInputError("The file unpacks to more than we read.", "file")


def _xlsx_rows(content: bytes) -> Iterator[list[str]]:
    try:
        # data_only: a formula is the value that was last computed for it
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # what the file says of its size may be wrong, and would cut or stretch it
        sheet.reset_dimensions()
        # a line may claim any number, and all before it would be made up as blank ones
        lines = sheet.iter_rows(max_row=LAST_LINE + 1, max_col=MOST_COLUMNS + 1, values_only=True)
        for number, row in enumerate(lines, 1):
            if number > LAST_LINE:
                raise ValueError("a line below the end of every sheet")
            is_blank = row.count(None) == len(row)
            yield [] if is_blank else [_text(cell) for cell in row]
    # a stranger's file may break the library anywhere
    except Exception as error:
        raise InvalidInputError("The file cannot be read as XLSX.", "file") from error


def _text(cell: object) -> str:
    """The cell as a person would have typed it into a CSV."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        is_day = cell.time() == time()
        return cell.date().isoformat() if is_day else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)[:MOST_CELL]


def _number(value: float) -> str:
    """What a spreadsheet shows: 15 significant digits at most."""
    try:
        exact = Decimal(f"{value:.15g}")
    except InvalidOperation:
        return ""
    return plain_figures(exact) if exact.is_finite() else ""
