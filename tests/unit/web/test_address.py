"""Where the web listens, and under which names it may be asked."""

from __future__ import annotations

import socket

import pytest

from wakeful.errors import NodeError, SpecError
from wakeful.plan import WebPlan
from wakeful_runtime.web.address import Names, check_free, is_loopback, listen, read_address, url_of


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8717", "127.0.0.1", 8717),
        ("8717", "127.0.0.1", 8717),
        (":8717", "127.0.0.1", 8717),
        ("localhost:0", "localhost", 0),
        ("[::1]:8717", "::1", 8717),
        ("0.0.0.0:80", "0.0.0.0", 80),
    ],
)
def test_without_a_host_only_this_machine_is_listened_to(text: str, host: str, port: int) -> None:
    assert read_address(text) == WebPlan(host=host, port=port)


@pytest.mark.parametrize(
    "text", ["", "x", "127.0.0.1", "host:", "host:70000", "host:-1", "http://h:1", "a b:1", "h:1٣"]
)
def test_what_is_no_place_to_listen_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SpecError, match=r"write HOST:PORT, such as 127\.0\.0\.1:8717"):
        read_address(text)


LOOPBACK = Names("127.0.0.1", 8717)


@pytest.mark.parametrize("host", ["127.0.0.1:8717", "localhost:8717", "LOCALHOST:8717", "[::1]:8717"])
def test_this_machines_own_names_are_taken(host: str) -> None:
    assert LOOPBACK.takes_host(host)
    assert LOOPBACK.takes_origin(f"http://{host}")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8717",
        "127.0.0.1.evil.example:8717",
        "localhost.evil.example:8717",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8718",
        "192.168.1.7:8717",
        "[::1]",
        "[::2]:8717",
        "",
        ":8717",
        "localhost:8717:8717",
        "a]b]:8717",
    ],
)
def test_a_name_a_stranger_may_own_is_refused(host: str) -> None:
    assert not LOOPBACK.takes_host(host)


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "https://127.0.0.1:8717", "127.0.0.1:8717", ""])
def test_a_page_of_another_place_is_refused(origin: str) -> None:
    assert not LOOPBACK.takes_origin(origin)


def test_where_all_interfaces_are_listened_on_addresses_are_taken_but_no_strange_names() -> None:
    names = Names("0.0.0.0", 8717)
    assert names.takes_host("192.168.1.7:8717")
    assert names.takes_host("[fe80::1]:8717")
    assert names.takes_host("localhost:8717")
    assert not names.takes_host("evil.example:8717")


def test_one_interface_is_asked_by_its_own_name_alone() -> None:
    names = Names("agents.lan", 80)
    assert names.takes_host("agents.lan")
    assert not names.takes_host("localhost")


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NodeError, match=rf"--web 127.0.0.1:{port}: something else listens there"):
            check_free(WebPlan(host="127.0.0.1", port=port))


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(NodeError, match="this machine has no such address"):
        listen(WebPlan(host="192.0.2.1", port=0))


def test_a_person_is_shown_an_address_that_can_be_opened() -> None:
    assert url_of("0.0.0.0", 8717) == "http://127.0.0.1:8717"
    assert url_of("::1", 8717) == "http://[::1]:8717"
    assert is_loopback("localhost")
    assert not is_loopback("agents.lan")
