"""Whom a connection is counted for."""

from __future__ import annotations

import pytest

from collab.addresses import address_of, address_of_scope


@pytest.mark.parametrize(
    ("host", "told", "proxies", "address"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "198.51.100.7, 203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "198.51.100.7, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", 2, "10.0.0.1"),
        ("10.0.0.1", "unknown", 1, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:4711", 1, "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:4711", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", 0, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", 0, "fe80::/64"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("/run/collab.sock", "", 0, None),
        (None, "", 0, None),
        ("", "203.0.113.9", 1, "203.0.113.9"),
    ],
)
def test_only_what_our_own_proxies_wrote_counts(host: str | None, told: str, proxies: int, address: str | None) -> None:
    """Anybody can write the rest of the header; a network of IPv6 is one customer."""
    assert address_of(host, told, proxies) == address


def test_several_headers_are_read_as_one() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-for", b"203.0.113.9")]

    assert address_of_scope({"client": ("10.0.0.1", 1), "headers": headers}, 1) == "203.0.113.9"
    assert address_of_scope({"client": None, "headers": []}, 1) is None
