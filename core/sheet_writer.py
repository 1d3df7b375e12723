"""Tables as CSV and XLSX files that a spreadsheet opens without running anything in them.

The XLSX is written row by row, so its length costs no memory (ECMA-376: inline strings, and styles
for whole numbers, amounts, days and instants).
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO
from xml.sax.saxutils import escape

Cell = str | int | bool | Decimal | date | datetime | None

BOM = "\ufeff"
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CELL_LENGTH = 32_767
"""What a cell of a spreadsheet holds at most."""
SHEET_ROWS = 1_048_575
"""Rows that fit below the headings."""
# a spreadsheet reads these, and their full-width forms, as the beginning of a formula
_RISKY = re.compile(r"^[=+\-@\t\r\n\0＝＋－＠]")
# where no comma divides columns, quotation marks inside a line protect nothing
_BEHIND_MARKS = re.compile(r"(?<=[;|\t\r\n])[^;|\t\r\n]+")
_PLAIN_NUMBER = re.compile(r"^[+-]?\d+(?:[.,]\d+)?$")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_EPOCH = date(1899, 12, 30)
_DAY_S = 86_400
# indices of the cell formats in _STYLES
_TEXT, _AMOUNT, _DAY, _INSTANT, _QUOTED, _HEAD, _WHOLE = range(7)


def is_risky(text: str) -> bool:
    """Whether a spreadsheet would take this text of a CSV file for a formula."""
    return bool(_RISKY.match(text)) and not _PLAIN_NUMBER.match(text)


def harmless(text: str) -> str:
    """`text` for a CSV cell: what would be a formula begins with one apostrophe more.

    So does what stands behind a mark at which a spreadsheet that expects other ones cuts the cell.
    """
    kept = _BEHIND_MARKS.sub(lambda part: f"'{part[0]}" if _runs(part[0]) else part[0], text)
    return f"'{kept}" if _runs(text) else kept


def as_before(cell: str) -> str:
    """The text that `harmless` made this cell of."""
    return _BEHIND_MARKS.sub(lambda part: _without_mark(part[0]), _without_mark(cell))


def _without_mark(text: str) -> str:
    return text[1:] if text[:1] == "'" and _runs(text) else text


def _runs(text: str) -> bool:
    return is_risky(text.lstrip("'"))


def plain_figures(value: Decimal) -> str:
    """With a point, and read alike in every language: three places could be thousands."""
    text = format(value, "f")
    return f"{text}0" if len(text.partition(".")[2]) == 3 else text


def write_csv(rows: Iterable[Sequence[Cell]], *, with_bom: bool = False) -> Iterator[bytes]:
    """The rows as UTF-8, some at a time; `with_bom` lets Excel see the encoding."""
    out = io.StringIO()
    if with_bom:
        out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_csv_text(cell) for cell in row])
        if out.tell() > 65_536:
            yield out.getvalue().encode("utf-8", "replace")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8", "replace")


def write_xlsx(
    out: BinaryIO,
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    sheet: str = "Sheet",
    watch: Callable[[int], None] | None = None,
) -> None:
    """One sheet with a frozen line of headings. `watch` is told the number of rows now and then."""
    name = re.sub(r"[\[\]:*?/\\]", " ", sheet)[:31] or "Sheet"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as package:
        for path, text in _FIXED_PARTS.items():
            package.writestr(path, text)
        package.writestr("xl/workbook.xml", _WORKBOOK.format(name=_xml(name)))
        with package.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(_SHEET_HEAD.encode())
            part.write(_row(1, [_inline(text, _HEAD) for text in headings]))
            lines: list[bytes] = []
            for number, row in enumerate(rows, 2):
                lines.append(_row(number, [_cell(cell) for cell in row]))
                if len(lines) == 500:
                    part.write(b"".join(lines))
                    lines.clear()
                    if watch is not None:
                        watch(number - 1)
            part.write(b"".join(lines))
            part.write(_SHEET_FOOT.encode())


def _csv_text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return harmless(_UNPRINTABLE.sub("", cell))
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Decimal):
        return plain_figures(cell)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _row(number: int, cells: Sequence[str]) -> bytes:
    return f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _cell(cell: Cell) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, str):
        return _inline(cell, _QUOTED if is_risky(cell) else _TEXT)
    if isinstance(cell, bool):
        return _inline("yes" if cell else "no", _TEXT)
    if isinstance(cell, Decimal):
        return f'<c s="{_AMOUNT}"><v>{cell:f}</v></c>'
    if isinstance(cell, datetime):
        seconds = cell.hour * 3600 + cell.minute * 60 + cell.second
        return f'<c s="{_INSTANT}"><v>{_serial(cell.date()) + seconds / _DAY_S:.8f}</v></c>'
    if isinstance(cell, date):
        return f'<c s="{_DAY}"><v>{_serial(cell)}</v></c>'
    return f'<c s="{_WHOLE}"><v>{cell}</v></c>'


def _inline(text: str, style: int) -> str:
    body = _xml(text[:CELL_LENGTH])
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{body}</t></is></c>'


def _serial(day: date) -> int:
    return (day - _EPOCH).days


def _xml(text: str) -> str:
    return escape(_UNPRINTABLE.sub("", text), {"\r": "&#13;", '"': "&quot;"})


_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_FIXED_PARTS = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>"
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/relationships/styles" Target="styles.xml"/>'
        "</Relationships>"
    ),
    "xl/styles.xml": (
        f'{_XML}<styleSheet xmlns="{_MAIN}">'
        '<numFmts count="3"><numFmt numFmtId="164" formatCode="#,##0.00####"/>'
        '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/>'
        '<numFmt numFmtId="166" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
        '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        "</cellStyleXfs>"
        '<cellXfs count="7">'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"'
        ' applyNumberFormat="1"/>'
        '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
        '<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>'
        "</cellStyles></styleSheet>"
    ),
}
_WORKBOOK = (
    f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>'
    '<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_SHEET_HEAD = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews><sheetData>"
)
_SHEET_FOOT = "</sheetData></worksheet>"
