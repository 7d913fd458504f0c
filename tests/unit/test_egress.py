"""The address table, the forms of URLs and KRONOS_EGRESS_ALLOW. The sockets are tested in tests/delivery."""

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.delivery.egress import (
    MAX_URL_CHARACTERS,
    AddressRefused,
    CheckedUrls,
    Destination,
    EgressPolicy,
    check_url,
    open_socket,
    redacted,
)
from kronos.delivery.refused import Refused

PUBLIC = EgressPolicy()
_CHECKED = CheckedUrls(PUBLIC)
LOOPBACK = EgressPolicy.parse("127.0.0.0/8")

REFUSED_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.0.0.53 127.255.255.254 169.254.0.1
169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1
192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::7f00:1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808 64:ff9b:1::7f00:1
64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1
2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1 5f00::1 fc00::1
fd00:ec2::254 fd12:3456::1 fe80::1 fe80::1%eth0 2606:4700::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1 4000::1 f000::1
""".split()  # noqa: SIM905 a table
REACHED_ADDRESSES = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1 2003::1 2001:200::1
""".split()  # noqa: SIM905 a table

REFUSED_URLS = {
    "url_scheme": [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:70/_x",
        "javascript:alert(1)",
        "",
        "//example.com/",
        "example.com",
    ],
    "url_malformed": [
        "http://",
        "http:///path",
        "https:example.com",
        "http://example.com:99999/",
        "http://[::1",
        "http://example.com:-1/",
        "http://example.com:80a/",
        "http://example.com:0/",
        "http://::1/",
    ],
    "url_userinfo": [
        "http://user@example.com/",
        "http://user:pw@example.com/",
        "http://example.com@127.0.0.1/",
        "http://@example.com/",
        "http://a@b@c.com/",
        "http://example.com%2f@127.0.0.1/",
    ],
    "url_fragment": ["http://example.com/#x", "http://example.com#@127.0.0.1/"],
    "url_bad_character": [
        "http://example.com/\r\nX: y",
        "http://example.com/\nfoo",
        "http://exa\tmple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\x00",
        " http://example.com/",
        "http://example.com/ ",
        "http://exam ple.com/",
        "http://example.com/\udcff",
    ],
    "url_too_long": ["http://example.com/" + "a" * 3000],
    "url_numeric_host": [
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://1.1/",
        "http://256.256.256.256/",
        "http://1.2.3.4.5/",
    ],
    "url_single_label": [
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://metadata/",
        "http://db:5432/",
    ],
    "url_port": [
        "http://example.com:22/",
        "http://example.com:25/",
        "http://example.com:5432/",
        "http://example.com:6379/",
        "http://example.com:10250/",
        "https://8.8.8.8:2375/",
    ],
    "url_host": [
        "http://-bad.com/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 130 + "com/",
        "http://example..com/",
        "http://.com/",
    ],
    "address_blocked": [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[::]/",
        "http://[fd00:ec2::254]/latest",
        "http://100.100.100.200/",
        "http://169.254.169.254/latest/meta-data/",
        "http://168.63.129.16/",
        "http://[fe80::1%25eth0]/",
    ],
    # Unicode forms of 127.0.0.1 and localhost, and an escaped one. Which error code they get is up to the URL parser.
    "": ["http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://ⓛocalhost/", "http://%31%32%37.0.0.1/"],
}
REACHED_URLS = [
    "https://example.com/",
    "http://example.com",
    "https://example.com:8443/a?b=c&d=%0a",
    "https://sub.example.co.uk./x",
    "https://bücher.example/",
    "https://xn--bcher-kva.example/",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/",
    "http://example.com:3000/hook",
    "https://a_b.example.com/",
    "https://example.com/@team?mail=a@b.c",
]


def test_special_address_is_refused() -> None:
    assert [address for address in REFUSED_ADDRESSES if not PUBLIC.refusal(address, 443)] == []


def test_no_socket_is_made_for_a_special_address() -> None:
    made = []
    for address in REFUSED_ADDRESSES:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            open_socket(PUBLIC, (family, socket.SOCK_STREAM, 0, "", (address, 443))).close()
        except AddressRefused:
            continue
        made.append(address)
    assert made == []


def test_public_address_just_outside_the_table_is_reached() -> None:
    assert [address for address in REACHED_ADDRESSES if PUBLIC.refusal(address, 443) is not None] == []


def test_socket_of_another_family_is_refused() -> None:
    with pytest.raises(AddressRefused):
        open_socket(PUBLIC, (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", ("/run/postgresql", 0)))


@pytest.mark.parametrize(("code", "url"), [(code, url) for code, urls in REFUSED_URLS.items() for url in urls])
def test_url_is_refused_with_its_code(code: str, url: str) -> None:
    for check in (partial(check_url, policy=PUBLIC), _CHECKED.check, _CHECKED.check):
        with pytest.raises(Refused) as refused:
            check(url)
        assert refused.value.code == code or not code
        assert refused.value.message


@pytest.mark.parametrize("url", REACHED_URLS)
def test_url_is_taken(url: str) -> None:
    assert check_url(url, PUBLIC).is_tls == url.startswith("https")
    assert _CHECKED.check(url) == check_url(url, PUBLIC)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://example.com", (False, "example.com", 80, "example.com", "/")),
        ("HTTPS://Example.com:443/a?b=1&c", (True, "example.com", 443, "example.com", "/a?b=1&c")),
        ("http://example.com:80?b", (False, "example.com", 80, "example.com", "/?b")),
        ("http://example.com:443/", (False, "example.com", 443, "example.com:443", "/")),
        ("https://example.com:80/", (True, "example.com", 80, "example.com:80", "/")),
        ("http://8.8.8.8:8080/%2e/", (False, "8.8.8.8", 8080, "8.8.8.8:8080", "/%2e/")),
        ("https://[2606:4700::1111]/", (True, "2606:4700::1111", 443, "[2606:4700::1111]", "/")),
        ("http://[2606:4700::1111]:8080/", (False, "2606:4700::1111", 8080, "[2606:4700::1111]:8080", "/")),
        (
            "https://bücher.example/ü?ü=1",
            (True, "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/%C3%BC?%C3%BC=1"),
        ),
    ],
)
def test_a_url_leads_where_it_says(url: str, wanted: tuple[bool, str, int, str, str]) -> None:
    is_tls, host, port, authority, target = wanted
    there = Destination(is_tls=is_tls, host=host, port=port, authority=authority, target=target)
    assert check_url(url, PUBLIC) == _CHECKED.check(url) == there
    assert there.url == f"http{'s' if is_tls else ''}://{authority}{target}"


def test_a_transports_own_ports_are_reached_and_no_other_of_infrastructures() -> None:
    kafka = EgressPolicy(ports=frozenset({22, 9092, 65535}))
    assert [port for port in (22, 25, 80, 5432, 8080, 9092, 65535) if kafka.port_refusal(port) is None] == [
        22, 80, 8080, 9092, 65535,
    ]  # fmt: skip
    assert [port for port in (0, 1023, 1024, 65535, 65536) if PUBLIC.port_refusal(port) is None] == [1024, 65535]
    assert [port for port in (22, 80, 9092, 65535) if PUBLIC.port_refusal(port) is None] == [80, 65535]
    assert kafka.refusal("8.8.8.8", 9092) is None
    assert kafka.refusal("127.0.0.1", 9092)


@pytest.mark.parametrize(
    ("allowed", "localhost", "others"),
    [
        ("", False, False),
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("10.0.0.0/8", False, True),
        ("fd00::/8", False, True),
        ("::/0", True, True),
        ("::1,10.0.0.0/8", True, True),
    ],
)
def test_a_local_name_may_be_of_a_network_that_is_allowed(allowed: str, localhost: bool, others: bool) -> None:
    policy = EgressPolicy.parse(allowed)
    assert (policy.may_allow_name("localhost"), policy.may_allow_name("database")) == (localhost, others)


def test_a_url_and_a_name_may_be_as_long_as_they_may_be_and_no_longer() -> None:
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(name) == 253
    assert check_url(f"http://{name}/", PUBLIC).host == name
    url = "http://example.com/"
    for check in (partial(check_url, policy=PUBLIC), _CHECKED.check):
        assert check(url.ljust(MAX_URL_CHARACTERS, "x")).host == "example.com"
        for longer in (f"http://{name}b/", url.ljust(MAX_URL_CHARACTERS + 1, "x")):
            with pytest.raises(Refused):
                check(longer)


def _judged(check: Callable[[str], Destination], url: str) -> Destination | tuple[str, str]:
    try:
        return check(url)
    except Refused as refused:
        return refused.code, refused.message


@settings(deadline=None)
@given(st.text() | st.text().map(lambda rest: f"http://{rest}") | st.text().map(lambda rest: f"https://a.b:1{rest}"))
def test_any_text_is_a_url_or_refused_and_can_be_redacted(text: str) -> None:
    judged = _judged(partial(check_url, policy=PUBLIC), text)
    assert judged
    assert _judged(_CHECKED.check, text) == judged == _judged(_CHECKED.check, text)
    assert "?" not in redacted(text).partition("?")[2]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.9.9.9:5432/",
        "http://127.0.0.1:22/",
        "http://localhost/",
        "http://LOCALHOST.:9092/",
    ],
)
def test_allowed_loopback_is_reached_on_any_port_and_by_its_name(url: str) -> None:
    check_url(url, LOOPBACK)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://127.1/",
        "http://metadata/",
        "http://example.com:5432/",
        "http://8.8.8.8:22/",
        "http://169.254.169.254/",
    ],
)
def test_allowed_loopback_lifts_nothing_else(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, LOOPBACK)


def test_allowed_network_lets_names_of_the_local_network_through_to_the_resolver() -> None:
    private = EgressPolicy.parse("172.16.0.0/12")
    check_url("http://receiver:5432/", private)
    with pytest.raises(Refused):
        check_url("http://localhost/", private)


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        ("  ", ()),
        ("127.0.0.0/8", ("127.0.0.0/8",)),
        ("10.1.0.0/16 , fd00::/8,192.168.1.5", ("10.1.0.0/16", "fd00::/8", "192.168.1.5/32")),
    ],
)
def test_networks_are_read_from_text(text: str, networks: tuple[str, ...]) -> None:
    assert EgressPolicy.parse(text) == EgressPolicy(tuple(map(ip_network, networks)))


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "127.0.0.0/33", "10.0.0.0/8,,::1", "10.0.0.0/8;::1", "*"])
def test_bad_network_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"KRONOS_EGRESS_ALLOW: '.*' is not a network"):
        EgressPolicy.parse(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("https://user:pw@a.example/x", "https://a.example/x"),
        ("https://a@b@c.example/x@y", "https://c.example/x@y"),
        ("https://user:pw@a.example?k=v", "https://a.example?k=***"),
        ("https://a.example/x?token=secret&run=7&bare#part", "https://a.example/x?token=***&run=***&***"),
        ("no url ?k=v", "no url ?k=***"),
    ],
)
def test_redacted_url_has_no_userinfo_no_query_value_and_no_fragment(url: str, shown: str) -> None:
    assert redacted(url) == shown
