"""The SMTP server: keeps what it accepts before it says 250, and fails as the fault plan says."""

import asyncio
import threading

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox.faults import Fault, FaultPlan, Stage
from sandbox.mailbox.store import Store

LARGEST_MESSAGE_BYTES = 32 * 1024 * 1024
FOREVER_S = 24 * 3600


async def _inflict(server: SMTP, fault: Fault) -> str | None:
    """Lets a fault strike; answers the refusal to send, or None to go on as usual."""
    if fault.fault == "hang":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.fault == "reply":
        if fault.code == 421:  # RFC 5321: 421 announces that the server closes the connection
            await server.push(fault.answer)
            await _close(server)
        return fault.answer
    if fault.fault == "drop":
        await _close(server)
    await asyncio.sleep(FOREVER_S)
    return fault.answer


async def _suffer(
    server: SMTP, plan: FaultPlan, stage: Stage, recipients: list[str] | None = None
) -> str | None:
    fault = plan.strike(stage, recipients or [])
    return None if fault is None else await _inflict(server, fault)


async def _close(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.close()
    # aiosmtpd cancels this handler when the connection is gone, so nothing more is answered
    await asyncio.sleep(FOREVER_S)


class Handler:
    """The hooks that aiosmtpd calls by name; each answers the reply line."""

    def __init__(self, store: Store, plan: FaultPlan) -> None:
        self._store = store
        self._plan = plan

    async def handle_EHLO(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        refusal = await _suffer(server, self._plan, "ehlo")
        if refusal is not None:
            return [refusal]
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        mail_options: list[str],
    ) -> str:
        refusal = await _suffer(server, self._plan, "mail")
        if refusal is not None:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        refusal = await _suffer(server, self._plan, "rcpt", [address])
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        fault = self._plan.strike("data", envelope.rcpt_tos)
        if fault is not None:
            if fault.fault in {"drop", "silence"} and fault.keep:
                await self._keep(envelope)
            refusal = await _inflict(server, fault)
            if refusal is not None:
                return refusal
        await self._keep(envelope)
        return "250 2.0.0 Kept"

    async def _keep(self, envelope: Envelope) -> None:
        content = envelope.original_content or b""
        await asyncio.to_thread(
            self._store.add,
            content,
            sender=envelope.mail_from or "",
            recipients=list(envelope.rcpt_tos),
        )


class _Server(SMTP):
    """aiosmtpd has no hook before its greeting, so the stage `connect` needs a subclass."""

    def __init__(self, handler: Handler, plan: FaultPlan) -> None:
        super().__init__(
            handler,
            hostname="mailbox.localhost",
            ident="sandbox mailbox",
            enable_SMTPUTF8=True,
            data_size_limit=LARGEST_MESSAGE_BYTES,
        )
        self._plan = plan

    async def _handle_client(self) -> None:
        refusal = await _suffer(self, self._plan, "connect")
        if refusal is None:
            await super()._handle_client()
            return
        await self.push(refusal)
        await _close(self)


class SmtpServer:
    """The server on a loop and thread of its own; `port` 0 takes a free one."""

    def __init__(self, store: Store, plan: FaultPlan, *, host: str, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        handler = Handler(store, plan)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Server(handler, plan), host, port)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stops listening and leaves open conversations where they stand."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
