"""The mailbox's pages: what is shown, and what a hostile mail or site cannot do."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import lxml.html
import pytest

from sandbox.mailbox.html import clean_html
from tests.sandbox.mailbox_server import MailboxServer, running_mailbox

PIXEL = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def server() -> Iterator[MailboxServer]:
    with running_mailbox() as running:
        yield running


@pytest.fixture
def mailbox(server: MailboxServer) -> MailboxServer:
    server.clear()
    return server


@pytest.fixture
def message_id(mailbox: MailboxServer) -> str:
    mail = EmailMessage()
    mail["From"] = "Acme <billing@acme.example>"
    mail["To"] = "Алиса <alice@acme.example>"
    mail["Subject"] = "Invoice <b>7</b>"
    mail.set_content("Pay at https://portal.example/pay?id=7&x=1. Thanks\n")
    mail.add_alternative(
        '<p style="color:red">Hello</p><script>alert(1)</script><img src="cid:logo">',
        subtype="html",
    )
    html = mail.get_payload()[1]
    html.add_related(PIXEL, maintype="image", subtype="png", cid="<logo>")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="инвойс.pdf")
    mail.add_attachment(b"<script>", maintype="text", subtype="html", filename="evil.html")
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=10) as smtp:
        smtp.send_message(mail)
    [received] = mailbox.messages()
    return received.id


def test_an_empty_mailbox_says_so(mailbox: MailboxServer) -> None:
    assert "No mail has arrived yet" in mailbox.get("/").text


def test_the_list_shows_what_arrived_and_searches_by_recipient(
    mailbox: MailboxServer, message_id: str
) -> None:
    page = lxml.html.fromstring(mailbox.get("/", params={"to": "alice@acme"}).text)
    [link] = page.xpath("//tbody//td[contains(@class, 'subject')]/a")
    assert link.text_content() == "Invoice <b>7</b>"
    assert link.get("href") == f"/messages/{message_id}"
    assert "инвойс.pdf" in page.xpath("string(//tbody)")
    assert "No message has a recipient" in mailbox.get("/", params={"to": "gina"}).text


def test_a_long_list_goes_on_at_the_next_page(mailbox: MailboxServer) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=10) as smtp:
        for number in range(51):
            smtp.sendmail("a@acme.example", ["b@acme.example"], f"Subject: mail {number}\n\n.")
    first = lxml.html.fromstring(mailbox.get("/").text)
    subjects = first.xpath("//tbody//a/text()")
    assert (len(subjects), subjects[0], subjects[-1]) == (50, "mail 50", "mail 1")
    [older] = first.xpath("//a[text()='Older']/@href")
    second = lxml.html.fromstring(mailbox.get(older).text)
    assert second.xpath("//tbody//a/text()") == ["mail 0"]
    assert second.xpath("//a[text()='Older']") == []


def test_a_message_shows_its_parts_headers_and_files(
    mailbox: MailboxServer, message_id: str
) -> None:
    page = lxml.html.fromstring(mailbox.get(f"/messages/{message_id}").text)
    [link] = page.xpath("//pre//a/@href")
    assert link == "https://portal.example/pay?id=7&x=1"
    assert page.xpath("//details//dt[text()='Subject']/following-sibling::dd[1]/text()") == [
        "Invoice <b>7</b>"
    ]
    names = page.xpath("//ul[@class='files']/li/a[1]/text()")
    assert set(names) == {"инвойс.pdf", "evil.html", "part-0"}


def test_the_html_part_is_shown_in_a_frame_that_runs_and_loads_nothing(
    mailbox: MailboxServer, message_id: str
) -> None:
    page = lxml.html.fromstring(mailbox.get(f"/messages/{message_id}").text)
    [frame] = page.xpath("//iframe")
    assert "allow-scripts" not in frame.get("sandbox")
    assert "allow-same-origin" not in frame.get("sandbox")
    inner = mailbox.get(frame.get("src"))
    policy = inner.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "sandbox allow-popups" in policy
    assert "alert" not in inner.text
    assert '<p style="color:red">Hello</p>' in inner.text
    picture = lxml.html.fromstring(inner.text).xpath("//img/@src")[0]
    assert mailbox.get(picture).content == PIXEL


def test_our_own_pages_have_no_inline_script_or_style(
    mailbox: MailboxServer, message_id: str
) -> None:
    for path in ("/", f"/messages/{message_id}", "/messages/none"):
        answer = mailbox.get(path)
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        page = lxml.html.fromstring(answer.text)
        assert page.xpath("//script | //style | //@style | //@*[starts-with(name(), 'on')]") == []
        [css] = page.xpath("//link[@rel='stylesheet']/@href")
        assert mailbox.get(css).headers["Content-Type"].startswith("text/css")


def test_a_pdf_is_viewed_inline_and_a_web_page_only_downloaded(
    mailbox: MailboxServer, message_id: str
) -> None:
    files = {
        one["filename"]: one["url"]
        for one in mailbox.get(f"/api/messages/{message_id}").json()["attachments"]
    }
    pdf = mailbox.get(files["инвойс.pdf"] + "/view")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.headers["Content-Disposition"].startswith("inline")
    assert pdf.content == b"%PDF-1.7"
    assert mailbox.get(files["evil.html"] + "/view").status_code == 404
    download = mailbox.get(files["evil.html"])
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert download.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/messages/none", "/messages/..%2f..%2fetc%2fpasswd", "/api/messages/none"]
)
def test_a_message_that_is_not_there_is_404(mailbox: MailboxServer, path: str) -> None:
    assert mailbox.get(path).status_code == 404


def test_a_file_number_that_is_not_there_is_404(mailbox: MailboxServer, message_id: str) -> None:
    assert mailbox.get(f"/messages/{message_id}/attachments/9").status_code == 404


def test_clearing_deletes_every_message(mailbox: MailboxServer, message_id: str) -> None:
    mailbox.clear()
    assert mailbox.messages() == []
    assert mailbox.get(f"/messages/{message_id}").status_code == 404


def test_another_host_name_is_not_answered(mailbox: MailboxServer, message_id: str) -> None:
    for path in ("/", "/api/messages", f"/messages/{message_id}"):
        answer = mailbox.get(path, headers={"Host": "attacker.example"})
        assert answer.status_code == 421
        assert message_id not in answer.text


def test_a_form_of_another_site_cannot_switch_faults_on(mailbox: MailboxServer) -> None:
    answer = mailbox.post("/control", data='{"fault": "drop"}')
    assert answer.status_code == 415
    assert mailbox.get("/control").json()["faults"][0]["recipient"] == "*@bounce.example"


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("<b>a</b> &lt;b&gt;", "<b>a</b> &lt;b&gt;"),
        ('<p onclick="x()">a</p>', "<p>a</p>"),
        ("<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"),
        ("<script>alert(1)</script>b", "b"),
        ("<svg><p>a</p></svg>b", "b"),
        ("<head><title>t</title></head>b", "b"),
        ('<a href="javascript:x()">a</a>', '<a target="_blank" rel="noopener noreferrer">a</a>'),
        (
            '<a href=" https://p.example/?a=1&amp;b=2">a</a>',
            '<a href="https://p.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">'
            "a</a>",
        ),
        ('<img src="https://p.example/spy.gif">', "<img>"),
        ('<img src="cid:one">', '<img src="/one">'),
        ('<form action="/x"><input name="a">b</form>', "b"),
        ("<style>p{color:red}</style>", "<style>p{color:red}</style>"),
        ('<base href="//p.example"><meta http-equiv="refresh" content="0">a', "a"),
    ],
)
def test_html_is_cleaned(html: str, cleaned: str) -> None:
    assert clean_html(html, pictures={"one": "/one"}) == cleaned
