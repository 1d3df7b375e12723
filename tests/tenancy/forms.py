"""Plausible forms: those that our own pages show, read from them and filled in.

A page is asked for as its rightful owner; so a screen's new form is in the matrix by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from lxml import html
from lxml.html import FormElement, HtmlElement

from tests.portal.browser import Browser
from tests.tenancy.routes import Row, find_endpoint

# What a person types where a page leaves a field empty.
TYPED = {
    "amount": "12.34",
    "body": "What a person writes",
    "current": "correct horse battery",
    "day_of_month": "5",
    "description": "Typed by a person",
    "name": "A new name",
    "password": "seventeen blue kettles",
    "percent": "5",
    "reason": "A mistake",
}
# Writes that no page shows a form for: what is sent, and why there is none.
UNSHOWN: dict[str, tuple[dict[str, str], str]] = {
    "POST /office/mass-edit/": (
        {"task_id": "00000000-0000-7000-8000-000000000001", "pick": "1", "status": "stop"},
        "shown with a preview only, which answers a form",
    ),
    "POST /office/invoices/mass-edit": (
        {"task_id": "00000000-0000-7000-8000-000000000002", "action": "issue"},
        "shown with a preview only, which answers a form",
    ),
    "POST /office/invoices/mass-edit/preview": (
        {"task_id": "00000000-0000-7000-8000-000000000003", "action": "issue"},
        "shown after rows were picked, which answers a form",
    ),
    "POST /office/invoices/<uuid:invoice_id>/mark-sent": (
        {},
        "shown while an invoice has its file and waits for its mail, for a moment",
    ),
    "POST /office/autoinvoicing/run": (
        {"task_id": "00000000-0000-7000-8000-000000000004"},
        "shown while a client is due, which the worker soon ends",
    ),
    "POST /office/payment-imports/<uuid:task_id>/write": (
        {},
        "shown when a line of the file has found its client",
    ),
    "POST /clients/refill/<uuid:refill_id>/confirm": (
        {},
        "shown while the client's bank waits: test_stripe walks it",
    ),
    "POST /office/clients/<int:client_id>/second-factor/reset": (
        {},
        "shown for a client with a second factor: test_second_factor of the panel walks it",
    ),
    "POST /office/clients/<int:client_id>/restore": ({}, "shown for a deleted client only"),
    "POST /office/invoice-templates/preview.pdf": (
        {"reseller_id": "1", "name": "Any", "columns": "net"},
        "a second button of the template's form",
    ),
    "POST /office/settings/logo/remove": ({}, "shown once there is a logo, which has no words"),
    "POST /office/resellers/<int:reseller_id>/logo/remove": (
        {},
        "shown once there is a logo, which has no words",
    ),
}
_TOKEN = "csrf_token"


@dataclass
class ShownForm:
    """A form of a page: where it leads and what it sends as it stands."""

    method: str
    path: str
    page: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    controls: set[str] = field(default_factory=set)
    # where a person can type words
    texts: set[str] = field(default_factory=set)


def read_forms(page_path: str, body: bytes) -> Iterator[ShownForm]:
    """Every form of a page; buttons of htmx that write are forms too."""
    tree = html.document_fromstring(body)
    for form in tree.forms:
        method, action = _target(form)
        shown = ShownForm(method, _path(page_path, action), page_path)
        _read_fields(form, shown)
        yield shown
        for button in form.xpath(".//button[@formaction]"):
            yield ShownForm(
                button.get("formmethod", method).upper(),
                _path(page_path, button.get("formaction")),
                page_path,
                shown.fields,
                shown.choices,
                shown.controls,
                shown.texts,
            )
    for verb in ("post", "put", "patch", "delete"):
        for element in tree.xpath(f"//*[@hx-{verb}]"):
            if element.tag != "form":
                yield ShownForm(
                    verb.upper(), _path(page_path, element.get(f"hx-{verb}")), page_path
                )


def collect_forms(browser: Browser, paths: list[str]) -> list[ShownForm]:
    """The writing forms of these pages."""
    found = []
    for path in paths:
        response = browser.get(path)
        if response.status_code == 200 and response.mimetype == "text/html":
            forms = read_forms(path, response.get_data())
            found += [form for form in forms if form.method != "GET"]
    return found


def forms_for(row: Row, forms: list[ShownForm]) -> list[ShownForm]:
    """The shown forms that lead to this row, whatever object they are about."""
    return [
        form
        for form in forms
        if form.method == row.method and find_endpoint(form.path, form.method) == row.endpoint
    ]


def form_for(row: Row, forms: list[ShownForm]) -> dict[str, list[str]]:
    """What would be sent: a shown form's fields, or those of `UNSHOWN`."""
    shown = forms_for(row, forms)
    if shown:
        return shown[0].fields
    assert str(row) in UNSHOWN, (
        f"no page shows a form for {row}: draw one, let the world have an object for which it is"
        " shown (OTHER_STATES of tests/tenancy/objects.py), or give its fields in UNSHOWN of"
        " tests/tenancy/forms.py with the reason"
    )
    return {name: [value] for name, value in UNSHOWN[str(row)][0].items()}


def with_field(fields: Mapping[str, list[str]], name: str, value: str) -> dict[str, list[str]]:
    return {**fields, name: [value]}


def _target(form: FormElement) -> tuple[str, str]:
    for verb in ("post", "put", "patch", "delete"):
        if form.get(f"hx-{verb}"):
            return verb.upper(), form.get(f"hx-{verb}")
    return form.get("method", "get").upper(), form.get("action", "")


def _path(page: str, action: str) -> str:
    return urlsplit(urljoin(page, action)).path


def _read_fields(form: FormElement, shown: ShownForm) -> None:
    for control in form.inputs:
        name = control.get("name")
        if name:
            shown.controls.add(name)
            if _takes_words(control):
                shown.texts.add(name)
        if not name or name == _TOKEN or control.get("disabled") is not None:
            continue
        value = _value(control, shown)
        if value is not None:
            shown.fields.setdefault(name, []).append(value)


def _takes_words(control: HtmlElement) -> bool:
    """Whether it is a field for words; a password is kept as its hash only."""
    if control.get("disabled") is not None or control.get("readonly") is not None:
        return False
    kind = control.get("type", "text")
    return control.tag == "textarea" or (
        control.tag == "input" and kind in {"text", "search", "email", "tel", "url", "number"}
    )


def _value(control: HtmlElement, shown: ShownForm) -> str | None:
    name = control.get("name")
    kind = control.get("type", "text")
    if control.tag == "select":
        options = [option.get("value", option.text or "") for option in control.xpath(".//option")]
        shown.choices[name] = options
        chosen = control.xpath(".//option[@selected]")
        filled = [option for option in options if option]
        return chosen[0].get("value", "") if chosen else next(iter(filled), "")
    if kind in {"checkbox", "radio"}:
        is_first = kind == "radio" and name not in shown.fields
        return (
            control.get("value", "on") if control.get("checked") is not None or is_first else None
        )
    if kind in {"submit", "button", "image", "reset", "file"}:
        return None
    value = (control.value if control.tag == "textarea" else control.get("value", "")) or ""
    block, _, plain = name.rpartition("-")
    # of rows that can be filled in, one is
    is_further = block[-1:].isdecimal() and not block.endswith("-0")
    return value.strip() or ("" if is_further else TYPED.get(plain, ""))
