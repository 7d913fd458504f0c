"""Sends mail over SMTP, by aiosmtplib over a connection that the guard has opened: each in a connection of its own.
Nothing is sent twice within a delivery; a repeated delivery has the same Message-ID."""

import asyncio
import socket
import ssl
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from kronos.delivery.connections import connected_socket
from kronos.delivery.destinations import MAIL_PORTS, BrokerError, Mail, Message
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.failures import name_of
from kronos.delivery.progress import Progress
from kronos.delivery.trust import Trust
from kronos.delivery.wire import context_of
from kronos.model import JsonObject

_OWN_DOMAIN = "kronos.invalid"
"""Of a Message-ID: it names the execution, and no host."""
_BY_COMMAND = {
    "MAIL": "the mail server refuses the sender",
    "RCPT": "the mail server refuses every recipient",
    "DATA": "the mail server refuses the mail",
}


class MailTransport:
    """The mail of one worker."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = replace(policy, ports=MAIL_PORTS)
        self._resolver = resolver

    async def deliver(self, to: Mail, message: Message, progress: Progress, trust: Trust | None) -> JsonObject:
        """Send one mail: what the server said of it. Raises BrokerError; TimeoutError and CancelledError close the
        connection."""
        context = context_of(to.server.tls, trust) if trust is not None else None
        mail = composed(to, message)
        try:
            async with asyncio.timeout(to.connect_seconds):
                connected = await connected_socket(self._policy, self._resolver, to.server.host, to.server.port)
        except TimeoutError as error:
            why = f"no connection to the mail server within {to.connect_seconds:g} s"
            raise BrokerError("timeout", why) from error
        except OSError as error:
            kind, why = name_of(error, is_sent=False)
            raise BrokerError(kind, why, is_retryable=kind != "address_blocked") from error
        client = _client(to, connected, context)
        try:
            return await _sent(client, to, mail, context, progress)
        except ssl.SSLError as error:
            kind, why = name_of(error, is_sent=False)
            raise BrokerError(kind, why) from error
        except (SMTPException, OSError, ValueError) as error:
            raise _named(error, progress) from error
        finally:
            if isinstance(client.transport, asyncio.Transport):
                client.transport.abort()  # with what is left unsent; the loop closes its socket
            else:
                connected.close()
            client.close()


def composed(to: Mail, message: Message) -> EmailMessage:
    """The mail. Raises BrokerError where its addresses cannot stand in a header."""
    mail = EmailMessage(policy=SMTP_POLICY)
    try:
        mail["From"], mail["To"] = to.sender, ", ".join(to.to)
        for name, value in message.pairs:
            mail[name if name == "Subject" else f"X-{name}"] = value.decode("utf-8", "replace")
            if name.lower() == "kronos-execution-id":
                mail["Message-ID"] = f"<{value.decode()}@{_OWN_DOMAIN}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.value.decode("utf-8", "replace"))
    except ValueError as error:
        raise BrokerError("bad_headers", "a header of the mail cannot be sent", is_retryable=False) from error
    return mail


def _client(to: Mail, connected: socket.socket, context: ssl.SSLContext | None) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=to.server.host.removesuffix("."),
        port=None,
        sock=connected,
        use_tls=to.server.is_tls_first,
        start_tls=False,  # below, so that its absence is an error of ours
        tls_context=context,
        timeout=None,  # deliveries have a deadline of their own
        local_hostname="localhost",
    )


async def _sent(
    client: aiosmtplib.SMTP, to: Mail, mail: EmailMessage, context: ssl.SSLContext | None, progress: Progress
) -> JsonObject:
    await client.connect()
    progress.is_connected = True
    if to.server.tls is not None and not to.server.is_tls_first:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            why = "the mail server does not offer STARTTLS, which the endpoint asks for"
            raise BrokerError("tls", why, is_retryable=False)
        await client.starttls(tls_context=context, server_hostname=to.server.host.removesuffix("."))
    if to.server.username is not None:
        await _log_in(client, to.server.username, to.server.password or "")
    await client.mail(to.sender)
    refused, last = 0, None
    for address in to.to:
        try:
            await client.rcpt(address)
        except SMTPResponseException as error:
            refused, last = refused + 1, error
    if last is not None and refused == len(to.to):
        raise _refused("RCPT", last.code)
    progress.is_sent = True
    try:
        answer = await client.data(mail.as_bytes())
    except SMTPResponseException as error:
        raise _refused("DATA", error.code) from error
    return {"code": answer.code, "recipients": len(to.to) - refused, "refused": refused}


async def _log_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    """In the first way that both sides know, once: a wrong password is not tried in three."""
    await client.ehlo()
    offered = client.server_auth_methods
    if "plain" in offered:
        await client.auth_plain(username, password)
    elif "login" in offered:
        await client.auth_login(username, password)
    elif "cram-md5" in offered:
        await client.auth_crammd5(username, password)
    else:
        why = "the mail server offers no way to log in that is known here: PLAIN, LOGIN or CRAM-MD5"
        raise BrokerError("auth", why, is_retryable=False)


def _named(error: Exception, progress: Progress) -> BrokerError:
    """What kept a mail from its server. What the server wrote is not passed on: it may quote addresses."""
    if isinstance(error, SMTPAuthenticationError):
        is_passing = 400 <= error.code < 500
        why = f"the mail server refuses the user name or the password ({error.code})"
        return BrokerError("auth", why, is_retryable=is_passing)
    if isinstance(error, SMTPResponseException) and not isinstance(error, SMTPConnectError):
        return _refused("MAIL", error.code)
    if progress.is_sent:
        why = "the mail was sent, then the connection ended without an answer; whether it was taken is not known"
        return BrokerError("closed_without_answer", why, is_unknown=True)
    if isinstance(error, SMTPServerDisconnected | SMTPConnectError | SMTPTimeoutError | OSError):
        return BrokerError("connect", "the mail server closed the connection before the mail was sent")
    return BrokerError("bad_response", "the server does not speak SMTP")


def _refused(command: str, code: int) -> BrokerError:
    """4xx may be taken later; 5xx never is (RFC 5321 4.2.1)."""
    return BrokerError("broker", f"{_BY_COMMAND[command]} ({code})", is_retryable=code < 500)
