"""Send mail over SMTP, using aiosmtplib over a connection opened by the guard; each mail has a separate connection.

Nothing is sent twice within a delivery; a repeated delivery has the same Message-ID."""

import asyncio
import re
import socket
import ssl
from dataclasses import replace
from email.errors import MessageError
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
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
"""The domain of Message-IDs, which name the execution and no host."""
_NAME = re.compile(r"[!-9;-~]+", re.ASCII)
_LONG_WORD = re.compile(r"[^ ]{60}")  # a line may have 998 bytes, and is broken between words
_POLICY = SMTP_POLICY.clone(refold_source="none")  # text that needs no encoding is sent unchanged
_NO_SMTP = "the server does not speak SMTP"
_BY_COMMAND = {
    "EHLO": "the mail server rejects the greeting",
    "STARTTLS": "the mail server rejects STARTTLS",
    "MAIL": "the mail server rejects the sender",
    "RCPT": "the mail server rejects every recipient",
    "DATA": "the mail server rejects the mail",
}


class MailTransport:
    """The mail of one worker."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = replace(policy, ports=MAIL_PORTS)
        self._resolver = resolver

    async def deliver(self, to: Mail, message: Message, progress: Progress, trust: Trust | None) -> JsonObject:
        """Send one mail and return the server's response. Raises BrokerError; TimeoutError and CancelledError close the
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
                client.transport.abort()  # drops unsent data; the event loop closes the socket
            else:
                connected.close()
            client.close()


def composed(to: Mail, message: Message) -> EmailMessage:
    """Build the mail. Raises BrokerError if its addresses or headers are not valid in a mail."""
    mail = EmailMessage(policy=_POLICY)
    pairs = [(name if name == "Subject" else f"X-{name}", value.decode("utf-8", "replace"), value)
             for name, value in message.pairs]  # fmt: skip
    addresses = (to.sender, ", ".join(to.to))
    names = [name for name, _, _ in pairs]
    is_sound = all(each.isascii() and "=?" not in each for each in addresses) and all(
        _NAME.fullmatch(name) for name in names
    )
    if not is_sound or names.count("Subject") > 1 or any(len(f"{text}.".splitlines()) > 1 for _, text, _ in pairs):
        raise BrokerError("bad_headers", "a header of the mail cannot be sent", is_retryable=False)
    try:
        mail["From"], mail["To"] = addresses
        for name, text, value in pairs:
            mail.set_raw(name, _as_sent(name, text))
            if name == "X-Kronos-Execution-Id":
                mail["Message-ID"] = f"<{value.decode()}@{_OWN_DOMAIN}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.value.decode("utf-8", "replace"))
        mail.as_bytes()  # because some headers are only rejected here
    except (ValueError, MessageError) as error:
        raise BrokerError("bad_headers", "a header of the mail cannot be sent", is_retryable=False) from error
    return mail


def _as_sent(name: str, text: str) -> str:
    """Return a header's text so that its reader sees it unchanged.

    Text that looks like an encoded word is encoded: EmailMessage would decode it, and insert its content, including
    line ends, into the mail."""
    is_plain = text.isascii() and text.isprintable() and "=?" not in text and not _LONG_WORD.search(text)
    return Header(text, "us-ascii" if is_plain else "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")


def _client(to: Mail, connected: socket.socket, context: ssl.SSLContext | None) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=to.server.host.removesuffix("."),
        port=None,
        sock=connected,
        use_tls=to.server.is_tls_first,
        start_tls=False,  # done below, so that a missing STARTTLS is our own error
        tls_context=context,
        timeout=None,  # the delivery has its own deadline
        local_hostname="localhost",
    )


async def _sent(
    client: aiosmtplib.SMTP, to: Mail, mail: EmailMessage, context: ssl.SSLContext | None, progress: Progress
) -> JsonObject:
    await client.connect()
    progress.is_connected = True
    if to.server.tls is not None and not to.server.is_tls_first:
        await _start_tls(client, to.server.host, context)
    if to.server.username is not None:
        await _log_in(client, to.server.username, to.server.password or "")
    await client.mail(to.sender)
    refused: list[int] = []
    for address in to.to:
        try:
            await client.rcpt(address)
        except SMTPResponseException as error:
            if not _is_answer(error):
                raise
            refused.append(error.code)
    if len(refused) == len(to.to):
        raise _refused("RCPT", min(refused))  # 4xx if there is one: that recipient may be accepted later
    progress.is_sent = True
    try:
        code = (await client.data(mail.as_bytes())).code
    except SMTPResponseException as error:
        if not _is_answer(error) or 300 <= error.code < 400:
            raise
        if error.code >= 400:
            raise _refused("DATA", error.code) from error
        code = error.code  # the client takes only 250 for a success; each 2xx is one (RFC 5321 4.2.1)
    return {"code": code, "recipients": len(to.to) - len(refused), "refused": len(refused)}


async def _start_tls(client: aiosmtplib.SMTP, host: str, context: ssl.SSLContext | None) -> None:
    await client.ehlo()
    if not client.supports_extension("starttls"):
        why = "the mail server does not offer STARTTLS, which the endpoint requires"
        raise BrokerError("tls", why, is_retryable=False)
    try:
        await client.starttls(tls_context=context, server_hostname=host.removesuffix("."))
    except SMTPResponseException as error:
        if not _is_answer(error):
            raise
        raise _refused("STARTTLS", error.code) from error


async def _log_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    """Log in once, with the first mechanism that both sides support: a wrong password is not tried three times."""
    await client.ehlo()
    offered = client.server_auth_methods
    if "plain" in offered:
        await client.auth_plain(username, password)
    elif "login" in offered:
        await client.auth_login(username, password)
    elif "cram-md5" in offered:
        await client.auth_crammd5(username, password)
    else:
        why = "the mail server offers none of the supported login mechanisms: PLAIN, LOGIN, CRAM-MD5"
        raise BrokerError("auth", why, is_retryable=False)


def _named(error: Exception, progress: Progress) -> BrokerError:
    """Return why a mail was not sent, without the server's text, which may quote addresses."""
    if isinstance(error, SMTPResponseException) and progress.is_sent:
        why = "the mail was sent, and the response is not SMTP; whether it was accepted is not known"
        return BrokerError("bad_response", why, is_unknown=True)
    if isinstance(error, SMTPResponseException) and not _is_answer(error):
        return BrokerError("bad_response", _NO_SMTP)
    if isinstance(error, SMTPAuthenticationError):
        is_passing = 400 <= error.code < 500
        why = f"the mail server rejects the user name or the password ({error.code})"
        return BrokerError("auth", why, is_retryable=is_passing)
    if isinstance(error, SMTPResponseException) and not isinstance(error, SMTPConnectError):
        return _refused("EHLO" if isinstance(error, SMTPHeloError) else "MAIL", error.code)
    if progress.is_sent:
        why = "the mail was sent, then the connection closed without a response; whether it was accepted is not known"
        return BrokerError("closed_without_answer", why, is_unknown=True)
    if isinstance(error, SMTPServerDisconnected | SMTPConnectError | SMTPTimeoutError | OSError):
        return BrokerError("connect", "the mail server closed the connection before the mail was sent")
    return BrokerError("bad_response", _NO_SMTP)


def _is_answer(error: SMTPResponseException) -> bool:
    """Whether the server answered with a code. The client names one itself for a response that is too long, or none."""
    return error.code > 0


def _refused(command: str, code: int) -> BrokerError:
    """Return the error for a rejected command. 4xx may succeed later; 5xx never does (RFC 5321 4.2.1)."""
    return BrokerError("broker", f"{_BY_COMMAND[command]} ({code})", is_retryable=code < 500)
