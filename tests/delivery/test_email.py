"""Mail over SMTP, to a real mail server: TLS and logins, rejections, and unknown outcomes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Received
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from delivery.authority import Authority
from delivery.sending import LOCAL as _LOCAL
from kronos.delivery import messages
from kronos.delivery.destinations import Mail, MailServer, Message, Tls, mail_server
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.outcome import Outcome
from kronos.delivery.refused import Refused
from kronos.delivery.streams import Streams
from served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")
_MESSAGE = Message(
    pairs=(("Subject", b"nightly: it failed 3 times"), ("Kronos-Execution-Id", b"019ac9f2")),
    value="line ü\n.\nend".encode(),
)


@dataclass
class Inbox:
    """The messages that the server accepted, and its other answers."""

    mails: list[Received] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.says:
            return self.says[address]
        envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.says.get("DATA") == "cut":
            server.transport.abort()
            return "250 OK"
        if "DATA" in self.says:
            return self.says["DATA"]
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 2.0.0 taken"


def _login(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"kronos", b"right")
    return AuthResult(success=is_right, handled=False)


@asynccontextmanager
async def serving(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    """A mail server; its port."""
    made: list[asyncio.BaseTransport] = []

    class Kept(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)
            super().connection_made(transport)

    server = await asyncio.get_running_loop().create_server(lambda: Kept(inbox, **options), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for transport in made:
            transport.close()
        await asyncio.sleep(0)  # the loop closes ended connections in its next round


def to(port: int, *recipients: str, tls: Tls | None = None, is_first: bool = False, **login: str) -> Mail:
    server = MailServer(host="127.0.0.1", port=port, is_tls_first=is_first, tls=tls, **login)
    return Mail(server=server, sender="kronos@example.com", to=recipients or ("ops@example.com",))


async def deliver(
    where: Mail, message: Message = _MESSAGE, *, policy: EgressPolicy = _LOCAL, seconds: float = 20
) -> Outcome:
    async with Streams(policy) as streams:
        return await streams.deliver(where, message, seconds=seconds)


async def test_a_mail_arrives_with_its_subject_its_text_and_the_execution_it_is_of() -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        outcome = await deliver(to(port, "ops@example.com", "on-call@example.com"))
    assert outcome.status == "SUCCESS", outcome.error
    (mail,) = inbox.mails
    assert (mail["Subject"], mail["To"]) == ("nightly: it failed 3 times", "ops@example.com, on-call@example.com")
    assert mail["Message-ID"] == "<019ac9f2@kronos.invalid>"
    assert (mail["X-Kronos-Execution-Id"], mail["Auto-Submitted"]) == ("019ac9f2", "auto-generated")
    text = mail.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert text.decode().splitlines() == ["line ü", ".", "end"]
    assert outcome.response is not None
    assert '"recipients":2' in outcome.response.replace(" ", "")


async def test_starttls_and_a_login(tmp_path: Path) -> None:
    authority = Authority.made(tmp_path, "private")
    inbox, context = Inbox(), authority.server("IP:127.0.0.1")
    trusted = Tls(ca_certificate=authority.file.read_text())
    options = {"tls_context": context, "authenticator": _login, "auth_required": True}
    async with serving(inbox, **options) as port:
        right = await deliver(to(port, tls=trusted, username="kronos", password="right"))
        wrong = await deliver(to(port, tls=trusted, username="kronos", password="wrong"))
        strange = await deliver(to(port, tls=Tls(), username="kronos", password="right"))
    assert (right.status, len(inbox.mails)) == ("SUCCESS", 1)
    assert wrong.error is not None
    assert (wrong.error["type"], wrong.retryable, "wrong" in str(wrong.error)) == ("auth", False, False)
    assert strange.error is not None
    assert strange.error["type"] == "tls"


async def test_where_starttls_is_asked_for_and_not_offered_nothing_is_sent() -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        outcome = await deliver(to(port, tls=Tls()))
    assert inbox.mails == []
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.retryable) == ("tls", False)


@pytest.mark.parametrize(
    ("says", "kind", "is_retryable"),
    [
        ({"MAIL": "550 no such sender"}, "broker", False),
        ({"MAIL": "451 later"}, "broker", True),
        ({"RCPT": "550 secret@inside.example unknown"}, "broker", False),
        ({"RCPT": "452 full"}, "broker", True),
        ({"DATA": "554 spam"}, "broker", False),
        ({"DATA": "421 busy"}, "broker", True),
    ],
)
async def test_what_the_server_refuses_may_be_taken_later_or_never(
    says: dict[str, str], kind: str, is_retryable: bool
) -> None:
    inbox = Inbox(says=says)
    async with serving(inbox) as port:
        outcome = await deliver(to(port))
    assert outcome.error is not None
    assert (outcome.status, outcome.error["type"], outcome.retryable) == ("FAILED", kind, is_retryable)
    assert "secret@inside" not in str(outcome.error)


async def test_one_recipient_of_two_is_a_mail_that_says_so() -> None:
    inbox = Inbox(says={"gone@example.com": "550 unknown"})
    async with serving(inbox) as port:
        outcome = await deliver(to(port, "gone@example.com", "ops@example.com"))
    assert (outcome.status, len(inbox.mails)) == ("SUCCESS", 1)
    assert outcome.response is not None
    assert '"refused":1' in outcome.response.replace(" ", "")


@pytest.mark.parametrize(
    ("says", "code", "is_retryable"),
    [(("450", "550"), 450, True), (("550", "451"), 451, True), (("550", "553"), 550, False)],
)
async def test_a_mail_that_one_recipient_may_accept_later_is_tried_again(
    says: tuple[str, str], code: int, is_retryable: bool
) -> None:
    """The last rejection alone used to decide."""
    inbox = Inbox(says={"a@example.com": f"{says[0]} no", "b@example.com": f"{says[1]} no"})
    async with serving(inbox) as port:
        outcome = await deliver(to(port, "a@example.com", "b@example.com"))
    assert (outcome.status, outcome.retryable, inbox.mails) == ("FAILED", is_retryable, [])
    assert outcome.error == {"type": "broker", "message": f"the mail server rejects every recipient ({code})"}


async def test_a_mail_whose_answer_is_lost_may_have_been_taken() -> None:
    inbox = Inbox(says={"DATA": "cut"})
    async with serving(inbox) as port:
        outcome = await deliver(to(port))
    assert (outcome.status, outcome.retryable) == ("UNKNOWN", True)


async def test_a_server_that_says_nothing_is_given_up_and_its_connection_closed() -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.close()
        ended.set()

    server = await asyncio.start_server(served(silent), "127.0.0.1", 0)
    async with server:
        outcome = await deliver(to(server.sockets[0].getsockname()[1]), seconds=0.3)
        await asyncio.wait_for(ended.wait(), 60)
    assert (outcome.status, outcome.retryable) == ("TIMED_OUT", True)


async def test_who_speaks_no_smtp_is_no_mail_server() -> None:
    async def chatty(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(served(chatty), "127.0.0.1", 0)
    async with server:
        outcome = await deliver(to(server.sockets[0].getsockname()[1]))
    assert (outcome.status, outcome.retryable) == ("FAILED", True)
    assert outcome.error == {"type": "bad_response", "message": "the server does not speak SMTP"}


_GARBLED = b"no SMTP\r\n"
_LONG = b"250-more\r\n" * 100_000


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """A server that sends these in turn: the first at once, the others after a command, or the mail; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for nth, answer in enumerate(answers):
                if nth:
                    await reader.readuntil(b"\r\n.\r\n" if nth == 5 else b"\r\n")
                writer.write(answer)
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(served(serve), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


_OK = b"250 OK\r\n"
_TO_THE_END = (b"220 hello\r\n", _OK, _OK, _OK, b"354 go on\r\n")
"""The banner, and the answers to EHLO, MAIL, RCPT and DATA."""


@pytest.mark.parametrize("answer", [_GARBLED, _LONG])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
async def test_a_response_that_is_not_smtp_blames_neither_sender_nor_recipient(before: int, answer: bytes) -> None:
    async with answering(*_TO_THE_END[:before], answer) as port:
        outcome = await deliver(to(port, "a@example.com", "b@example.com"))
    assert (outcome.status, outcome.retryable) == ("FAILED", True)
    assert outcome.error == {"type": "bad_response", "message": "the server does not speak SMTP"}


@pytest.mark.parametrize(
    ("answers", "tls", "message"),
    [
        ((b"550 go away\r\n", b"550 go away\r\n"), None, "the mail server rejects the greeting (550)"),
        ((b"451 later\r\n", b"451 later\r\n"), None, "the mail server rejects the greeting (451)"),
        ((b"451 later\r\n",), Tls(), "the mail server rejects the greeting (451)"),
        ((b"250-me\r\n250 STARTTLS\r\n", b"454 not now\r\n"), Tls(), "the mail server rejects STARTTLS (454)"),
        ((b"250-me\r\n250 STARTTLS\r\n", b"554 never\r\n"), Tls(), "the mail server rejects STARTTLS (554)"),
        ((_OK, b"553 who\r\n"), None, "the mail server rejects the sender (553)"),
    ],
)
async def test_what_the_server_rejects_is_named(answers: tuple[bytes, ...], tls: Tls | None, message: str) -> None:
    """A greeting or an encryption that the server rejects used to blame the sender's address."""
    async with answering(b"220 hello\r\n", *answers) as port:
        outcome = await deliver(to(port, tls=tls))
    assert outcome.error == {"type": "broker", "message": message}
    assert (outcome.status, outcome.retryable) == ("FAILED", "(4" in message)


@pytest.mark.parametrize("answer", [_GARBLED, _LONG])
async def test_a_response_to_starttls_that_is_not_smtp_rejects_nothing(answer: bytes) -> None:
    async with answering(b"220 hello\r\n", b"250-me\r\n250 STARTTLS\r\n", answer) as port:
        outcome = await deliver(to(port, tls=Tls()))
    assert outcome.error == {"type": "bad_response", "message": "the server does not speak SMTP"}


@pytest.mark.parametrize("answer", [_GARBLED, _LONG, b"354 go on\r\n"])
async def test_a_mail_whose_response_is_not_smtp_may_have_been_accepted(answer: bytes) -> None:
    async with answering(*_TO_THE_END, answer) as port:
        outcome = await deliver(to(port))
    assert (outcome.status, outcome.retryable, outcome.is_unknown) == ("UNKNOWN", True, True)


@pytest.mark.parametrize(("answer", "status"), [(b"251 OK\r\n", "SUCCESS"), (b"554 no\r\n", "FAILED")])
async def test_each_positive_response_means_that_the_mail_was_accepted(answer: bytes, status: str) -> None:
    async with answering(*_TO_THE_END, answer) as port:
        outcome = await deliver(to(port))
    assert outcome.status == status


async def test_the_guard_holds_for_mail_too() -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        outcome = await deliver(to(port), policy=EgressPolicy())
    assert inbox.mails == []
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.retryable) == ("address_blocked", False)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("smtp://kronos:secret@mail.example.com", "url_userinfo"),
        ("http://mail.example.com", "url_malformed"),
        ("smtp://mail.example.com:70000", "url_malformed"),
        ("smtp://127.0.0.1:587", "address_blocked"),
    ],
)
async def test_an_address_that_is_none_is_refused(url: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        mail_server(url, EgressPolicy())
    assert refused.value.code == code


async def test_a_subject_is_one_line() -> None:
    made = messages.mail({"subject_template": "{{input.text}}"}, {"input": {"text": "a\r\nBcc: x@example.com\nb"}})
    assert made.pairs == (("Subject", b"a Bcc: x@example.com b"),)
    assert messages.mail({}, {"input": {"n": 1}}).value == b'{\n  "n": 1\n}'
    assert messages.mail({}, {"input": {"n": 1}}).pairs[0][1] == b"Kronos"


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0D=0ABcc:_evil@example.com?=",
        "=?utf-8?b?YQ0KQmNjOiBldmlsQGV4YW1wbGUuY29t?= and more",
        "x" * 5000,
        "ü" * 2000,
        "word " * 400 + "end",
        "a\x00b\x7f",
    ],
    ids=["quoted", "base64", "long", "long and not ASCII", "words", "controls"],
)
async def test_a_subject_is_seen_as_it_was_written_and_adds_no_header(subject: str) -> None:
    """Text that looks like an encoded word used to be decoded, and its content appeared in the mail."""
    inbox = Inbox()
    pairs = (("Subject", subject.encode()), ("Kronos-Execution-Id", b"1"), ("Kronos-Job", subject.encode()))
    async with serving(inbox) as port:
        outcome = await deliver(to(port), Message(pairs=pairs, value=b"text"))
    assert outcome.status == "SUCCESS", outcome.error
    (mail,) = inbox.mails
    for name in ("Subject", "X-Kronos-Job"):
        assert str(make_header(decode_header("".join(mail[name].splitlines())))) == subject
    assert mail["Bcc"] is None
    assert max(len(line) for line in mail.as_bytes().splitlines()) < 998
    assert mail.get_payload() == "text\r\n"


@pytest.mark.parametrize(
    ("name", "value", "recipient"),
    [
        ("Subject", "a\r\nBcc: x@example.com", "ops@example.com"),
        ("Kronos-Job", "a\nb", "ops@example.com"),
        ("Kronos-A\r\nBcc", "x@example.com", "ops@example.com"),
        ("Kronos-Job", "a", "öps@example.com"),
        ("Kronos-Job", "a", "=?utf-8?q?a=0D=0ABcc:?=@example.com"),
    ],
)
async def test_what_cannot_stand_in_a_header_is_not_sent(name: str, value: str, recipient: str) -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        outcome = await deliver(to(port, recipient), Message(pairs=((name, value.encode()),), value=b"text"))
    assert inbox.mails == []
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.retryable) == ("bad_headers", False)
