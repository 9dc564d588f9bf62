"""Which network address a connection or request comes from, as far as it can be told apart from others.

Behind proxies the connection is the proxy's, and the address is what the proxies have written into
``X-Forwarded-For``. Only what the last ``COLLAB_TRUSTED_PROXIES`` of them wrote counts: anybody can write the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::\d+)?")
_NETWORK_BITS = 64
"""One customer of a provider has a whole IPv6 network of this size."""


def address_of(host: str | None, forwarded_for: str, trusted_proxies: int) -> str | None:
    """The address to hold somebody to: an IPv4 address, an IPv6 network, or None when there is none to be had.

    Args:
        host: Of the connection.
        forwarded_for: ``X-Forwarded-For``, all of them joined with commas.
        trusted_proxies: How many proxies of our own are in front, each of which adds the address it was asked from.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    if 0 < trusted_proxies <= len(hops):
        told = _normal(hops[-trusted_proxies])
        if told is not None:
            return told
    return None if host is None else _normal(host)


def address_of_scope(scope: Mapping[str, Any], trusted_proxies: int) -> str | None:
    """``address_of`` for an ASGI scope."""
    told = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
    client = scope.get("client")
    return address_of(str(client[0]) if client else None, ",".join(told), trusted_proxies)


def address_of_request(meta: Mapping[str, Any], trusted_proxies: int) -> str | None:
    """``address_of`` for the ``META`` of a Django request."""
    return address_of(meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", ""), trusted_proxies)


def _normal(text: str) -> str | None:
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["v6"] or with_port["v4"]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((address, _NETWORK_BITS), strict=False))
        address = address.ipv4_mapped
    return str(address)
