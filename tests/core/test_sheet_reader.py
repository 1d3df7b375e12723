"""Tables that people bring: every encoding and separator, and nothing that harms us."""

import io
import random
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from core.errors import InvalidInputError
from core.sheet_reader import MOST_BYTES, MOST_ROWS, look_at, read_rows
from core.sheet_writer import write_csv, write_xlsx

TEXT = "Name;Größe\nŻubr „Łąka“;ä\n"


def rows(content: bytes) -> list[list[str]]:
    return [cells for _line, cells in read_rows(content, look_at(content))]


def xlsx(*lines: list[object]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_csv_is_read_in_every_encoding(encoding: str):
    sheet = look_at(TEXT.encode(encoding))
    assert sheet.headings == ["Name", "Größe"]
    assert rows(TEXT.encode(encoding)) == [["Żubr „Łąka“", "ä"]]


def test_a_csv_of_old_windows_is_read():
    assert rows("Name;Ort\nMüller – Söhne;Köln\n".encode("cp1252")) == [["Müller – Söhne", "Köln"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(separator: str):
    text = f'Name{separator}"Note"\n"A, B; C"{separator}x\n'
    assert rows(text.encode()) == [["A, B; C", "x"]]


def test_lines_keep_their_number_and_blank_ones_are_skipped():
    content = b"a,b\n\n1,2\n , \n3\n"
    assert list(read_rows(content, look_at(content))) == [(3, ["1", "2"]), (5, ["3", ""])]


def test_right_to_left_emoji_and_line_breaks_in_a_cell_survive():
    content = 'Name,Address\n"שלום 🦊","1 Main St\nBerlin"\n'.encode()
    assert rows(content) == [["שלום 🦊", "1 Main St\nBerlin"]]


def test_a_cell_of_our_own_export_comes_back_as_it_was():
    content = b"".join(write_csv([["Name"], ["=cmd"], ["'quoted"], ["-5"], ["+49 30"], ["'=x"]]))
    assert rows(content) == [["=cmd"], ["'quoted"], ["-5"], ["+49 30"], ["'=x"]]


def test_an_xlsx_is_read_as_a_person_would_type_it():
    content = xlsx(
        ["Name", "Day", "Amount", "Yes", "Whole", "Third"],
        ["Orbit", date(2026, 2, 28), 12.5, True, 7, 1.234],
        [None, datetime(2026, 2, 28, 1, 2, tzinfo=UTC).replace(tzinfo=None), -0.1, False, 0, ""],
    )
    assert rows(content) == [
        ["Orbit", "2026-02-28", "12.5", "yes", "7", "1.2340"],
        ["", "2026-02-28 01:02:00", "-0.1", "no", "0", ""],
    ]


def test_a_formula_is_its_last_value_and_never_the_formula():
    content = xlsx(["Name", "Credit"], ["Orbit", "=1+1"])
    # openpyxl computes nothing: there is no last value
    assert rows(content) == [["Orbit", ""]]


def test_our_own_xlsx_is_read_again():
    out = io.BytesIO()
    write_xlsx(out, ["Name", "Amount"], [["=x", Decimal("-12.500000")]])
    assert rows(out.getvalue()) == [["=x", "-12.5"]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\n\n1,2", "no headings"),
        (b"x" * (MOST_BYTES + 1), "10 MB"),
        (b"PK\x03\x04 nonsense", "cannot be read as XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b",".join(b"h%d" % n for n in range(101)) + b"\n", "100 columns"),
    ],
)
def test_what_cannot_be_taken_is_told(content: bytes, told: str):
    with pytest.raises(InvalidInputError, match=told):
        look_at(content)


def test_a_file_with_too_many_rows_is_refused():
    content = b"a\n" + b"1\n" * (MOST_ROWS + 1)
    with pytest.raises(InvalidInputError, match="50,000"):
        list(read_rows(content, look_at(content)))


def _with_part(content: bytes, name: str, part: bytes) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for one in old.namelist():
            new.writestr(one, part if one == name else old.read(one))
        if name not in old.namelist():
            new.writestr(name, part)
    return out.getvalue()


def test_a_bomb_is_not_unpacked():
    content = _with_part(xlsx(["a"]), "xl/media/bomb.bin", b"\0" * 300 * 1024 * 1024)
    with pytest.raises(InvalidInputError, match="unpacks to more"):
        look_at(content)


def test_a_line_that_claims_an_enormous_number_makes_up_no_lines_before_it():
    line = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c t="inlineStr"><is><t>name</t></is></c></row>'
        b'<row r="2000000000"><c t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>'
    )
    with pytest.raises(InvalidInputError, match="cannot be read"):
        look_at(_with_part(xlsx(["a"]), "xl/worksheets/sheet1.xml", line))


def test_a_line_at_the_end_of_the_sheet_is_read():
    last = 1_048_576
    line = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c t="inlineStr"><is><t>name</t></is></c></row>'
        b'<row r="%d"><c t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>' % last
    )
    content = _with_part(xlsx(["a"]), "xl/worksheets/sheet1.xml", line)
    assert list(read_rows(content, look_at(content))) == [(last, ["x"])]


def test_a_table_of_texts_that_fills_the_memory_is_not_read():
    content = xlsx(["name"], ["x"])
    texts = b"<sst>" + b"<si><t>a</t></si>" * 2_000_000 + b"</sst>"
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        types = package.read("[Content_Types].xml")
    named = b'<Override PartName="/xl/texts.xml" ContentType="x/vnd.sharedStrings+xml"/></Types>'
    content = _with_part(content, "[Content_Types].xml", types.replace(b"</Types>", named))
    # what packs badly lets the whole look honest
    content = _with_part(content, "ballast.bin", random.Random(1).randbytes(1_000_000))
    with pytest.raises(InvalidInputError, match="unpacks to more"):
        look_at(_with_part(content, "xl/texts.xml", texts))


def test_entities_of_xml_are_refused():
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<sheetData><row><c t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>'
    )
    with pytest.raises(InvalidInputError, match="cannot be read"):
        look_at(_with_part(xlsx(["a"]), "xl/worksheets/sheet1.xml", bomb))


@given(content=st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes):
    with suppress(InvalidInputError):
        list(read_rows(content, look_at(content)))


@given(
    table=st.lists(
        st.lists(
            st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
            min_size=3,
            max_size=3,
        ),
        max_size=6,
    )
)
def test_what_we_write_we_read(table: list[list[str]]):
    content = b"".join(write_csv([["first", "second", "third"], *table], with_bom=True))
    wanted = [[cell.strip() for cell in row] for row in table]
    read = [[cell.strip() for cell in row] for row in rows(content)]
    assert read == [row for row in wanted if any(row)]
