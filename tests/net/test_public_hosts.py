from __future__ import annotations

import pytest

from enrich.config import default_sources
from enrich.net.public_hosts import AllowedHosts, HostPort, PlaceRefused, check, check_resolved, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.1.1.1"),
        *("240.0.0.1", "255.255.255.255", "168.63.129.16", "192.0.2.1", "203.0.113.9", "192.88.99.1"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1"),
        *("2001:db8::1", "fec0::1", "100::1", "2606:4700::1%1"),
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.128.0.1", "169.253.0.1", "223.255.255.255"),
        *("2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2a00:1450:4001::1"),
    ],
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://WWW.Example.com./a", "www.example.com", 80),
        ("https://example.com:8443/", "example.com", 8443),
        ("https://[2606:4700::1]/x", "2606:4700::1", 443),
    ],
)
def test_where_an_address_leads(url: str, host: str, port: int) -> None:
    assert HostPort.of(url) == HostPort(host, port)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://example.com/x",
            "data:,x",
            "gopher://example.com",
            "javascript:1",
            "//example.com",
        ),
        *("http://user@example.com", "http://example.com:80@10.0.0.1/", "http://a.com\\@10.0.0.1/"),
        *(
            "http://a%5C.example.com/",
            "http:///x",
            "http://example.com:x/",
            "http://example.com:99999/",
            "http://[::1/",
        ),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(PlaceRefused):
        HostPort.of(url)


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "017700000001", "127.1", "0177.0.0.1", "0x7f.1", "127.0.0.0x1", "1.1.1.1.1"),
        *("localhost", "a.localhost", "router", "nas.local", "metadata.google.internal", "x.home.arpa", "box.lan"),
    ],
)
def test_hosts_whose_text_says_enough(host: str) -> None:
    with pytest.raises(PlaceRefused):
        check(HostPort(host, 80))


def test_a_name_is_refused_only_where_nothing_of_it_is_public() -> None:
    check(HostPort("example.com", 80))
    check_resolved(HostPort("example.com", 80), [])
    check_resolved(HostPort("example.com", 80), ["10.0.0.1", "1.1.1.1"])
    with pytest.raises(PlaceRefused, match=r"example\.com leads to 10\.0\.0\.1"):
        check_resolved(HostPort("example.com", 80), ["10.0.0.1"])


def test_the_user_names_places_by_host_and_port_and_picture_hosts_by_host() -> None:
    source = default_sources().get("babepedia")
    said = source.model_copy(update={"url": "http://127.0.0.1:8000", "image_hosts": ("192.168.1.5", "*.lan.example")})
    named = AllowedHosts.of_source(said)
    assert named.has(HostPort("127.0.0.1", 8000))
    assert not named.has(HostPort("127.0.0.1", 22))
    assert named.has(HostPort("192.168.1.5", 9000))
    assert not named.has(HostPort("a.lan.example", 80))
