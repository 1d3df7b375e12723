"""The bytes of a mail, built from checked parts only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy, utils
from email.header import Header
from email.headerregistry import (
    Address,
    BaseHeader,
    HeaderRegistry,
    UniqueSingleAddressHeader,
    UniqueUnstructuredHeader,
)
from email.message import EmailMessage

# RFC 5322 2.1.1 recommends 78 and RFC 2047 2 demands 76 characters a line
_LINE = 76


class _Subject(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]  # as the registry does
    """The standard fold of Python 3.11 loses spaces between encoded words; this one does not."""

    def fold(self, *, policy: policy.Policy) -> str:
        words = str(self)
        if _is_plain(words):
            return super().fold(policy=policy)
        return f"{self.name}: {_encoded(words, self.name, policy)}{policy.linesep}"


class _From(UniqueSingleAddressHeader, BaseHeader):  # type: ignore[misc]  # as the registry does
    """As above, for the display name."""

    def fold(self, *, policy: policy.Policy) -> str:
        name = self.address.display_name
        if _is_plain(name):
            return super().fold(policy=policy)
        words = _encoded(name, self.name, policy)
        return f"{self.name}: {words} <{self.address.addr_spec}>{policy.linesep}"


def _is_plain(words: str) -> bool:
    return words.isascii() and words.isprintable()


def _encoded(words: str, name: str, rules: policy.Policy) -> str:
    return Header(words, "utf-8", _LINE, header_name=name).encode(linesep=rules.linesep)


_headers = HeaderRegistry()
_headers.map_to_type("subject", _Subject)
_headers.map_to_type("from", _From)
# seven bits through and through: no server has to know 8BITMIME
_POLICY = policy.SMTP.clone(cte_type="7bit", header_factory=_headers)


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
