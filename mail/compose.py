"""The bytes of a mail, built from checked parts only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy, utils
from email.headerregistry import Address
from email.message import EmailMessage

# seven bits through and through: no server has to know 8BITMIME
_POLICY = policy.SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """All that a mail says; `at` is an aware instant, the same for every copy."""

    message_id: str
    at: datetime
    from_name: str
    from_address: str
    reply_to: str
    to_address: str
    subject: str
    body_text: str
    body_html: str
    attachments: Sequence[Attachment] = ()


def compose(content: Content) -> bytes:
    """The message as it goes over the wire, without the final dot.

    Built again from the same content it differs in its MIME boundaries only. Raises ValueError for
    a line break in a header and for an address that is not exactly one.
    """
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = content.message_id
    message["Date"] = utils.format_datetime(content.at)
    message["From"] = _address(content.from_address, content.from_name)
    message["To"] = _address(content.to_address)
    if content.reply_to:
        message["Reply-To"] = _address(content.reply_to)
    message["Subject"] = content.subject
    # RFC 3834: nobody's holiday answer comes back, no loop begins
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content.body_text)
    if content.body_html:
        message.add_alternative(content.body_html, subtype="html")
    for one in content.attachments:
        kind, _, subtype = one.media_type.partition("/")
        message.add_attachment(
            one.content, maintype=kind, subtype=subtype or "octet-stream", filename=one.name
        )
    return message.as_bytes()


def _address(spec: str, name: str = "") -> Address:
    # an Address object is one address; a header set from a string would accept a list
    return Address(display_name=" ".join(name.split()), addr_spec=spec)
