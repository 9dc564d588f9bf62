"""Finds the address that the server listens on, before anything slow happens.

Standard library only, and it must parse on Python 3.8: a port that is taken is reported before anything is installed.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from typing import List, NoReturn, Optional, Sequence, Tuple

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
_TRIES = 100
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})  # noqa: S104 - compared, not bound


class AddressProblem(Exception):
    """The server cannot listen where it was told to. The message is one line and names the remedy."""


def is_any_address(host: str) -> bool:
    """Whether this host means every network the machine is on."""
    return host in _ANY_ADDRESS


def listen(host: str, port: Optional[int]) -> socket.socket:
    """Listen on a port, or, when none is asked for, on the first free one from 8000 on.

    The socket listens already, so that nobody else can take the port while the rest of the start goes on; people
    who come meanwhile wait instead of being refused.

    Raises:
        AddressProblem: The port asked for is taken, or the host is not an address of this machine.
    """
    if port is not None:
        return _listen_on(host, port)
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + _TRIES):
        try:
            return _listen_on(host, candidate)
        except _Taken:
            continue
    raise AddressProblem(
        "Ports {} to {} are all taken: choose one with --port.".format(DEFAULT_PORT, DEFAULT_PORT + _TRIES - 1)
    )


class _Taken(AddressProblem):
    """Something else listens there."""


def _listen_on(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise AddressProblem("There is no port {}: choose one from 1024 to 65535 with --port.".format(port))
    family, address = _resolve("" if host == "*" else host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Not to share the port, but to be able to come back at once after a stop.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _explain(error, host, port) from None
    return listener


def split(listener: socket.socket, count: int) -> List[socket.socket]:
    """Give each server process a socket of its own on the address of this one, which is closed.

    On one shared socket whoever is awake takes what comes: of 12 people who came together, 12 ended up on one of two
    idle processes. Linux spreads connections evenly over sockets that share a port. Elsewhere they share the socket.

    Raises:
        AddressProblem: Somebody took the port in between.
    """
    if not sys.platform.startswith("linux"):
        return [listener] * count
    family, address = listener.family, listener.getsockname()
    listener.close()
    listeners = []  # type: List[socket.socket]
    try:
        for _number in range(count):
            one = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(address)
            one.listen(2048)
            one.setblocking(False)
    except OSError as error:
        for one in listeners:
            one.close()
        raise _explain(error, str(address[0]), address[1]) from None
    return listeners


def _resolve(host: str, port: int) -> Tuple[int, Tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise AddressProblem(
            "{} is not a host name this machine knows: try --host {}.".format(host, DEFAULT_HOST)
        ) from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return found[0][0], found[0][4]


def _explain(error: OSError, host: str, port: int) -> AddressProblem:
    if error.errno == errno.EADDRINUSE or getattr(error, "winerror", 0) in (10013, 10048):
        return _Taken("Port {} is taken: stop what runs there, or type --port {}.".format(port, _next_free(host, port)))
    if error.errno == errno.EACCES:
        return AddressProblem("Port {} needs administrator rights: try --port {}.".format(port, DEFAULT_PORT))
    if error.errno == errno.EADDRNOTAVAIL:
        return AddressProblem("{} is not an address of this machine: try --host {}.".format(host, DEFAULT_HOST))
    return AddressProblem("Cannot listen on {} port {}: {}.".format(host, port, error.strerror))


def _next_free(host: str, port: int) -> int:
    """A port that the remedy can name: the next one above that is free right now."""
    family, _address = _resolve("" if host == "*" else host, port)
    for candidate in range(port + 1, min(port + _TRIES, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(_resolve(host, candidate)[1])
                probe.listen(1)
            except OSError:
                continue
            return candidate
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``up`` that say where it listens; the bootstrap reads them before Django is there."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--port",
        type=int,
        default=None,
        help="port to listen on (default: {}, or the next free one)".format(DEFAULT_PORT),
    )


class _QuietParser(argparse.ArgumentParser):
    """Leaves complaints about the arguments to the command itself, which knows them all."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def check(arguments: Sequence[str]) -> None:
    """Find out from the arguments of ``up`` whether it will be able to listen.

    Raises:
        AddressProblem: It will not.
    """
    parser = _QuietParser(add_help=False, allow_abbrev=False)
    add_arguments(parser)
    try:
        options, _others = parser.parse_known_args(list(arguments))
    except ValueError:
        return
    listen(options.host, options.port).close()


def own_addresses() -> List[str]:
    """Names and addresses by which other machines may reach this one, the likeliest first."""
    addresses = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))  # sends nothing: it only asks which of our addresses would be used
                addresses.append(str(probe.getsockname()[0]))
            except OSError:
                continue
    name = socket.gethostname()
    try:
        addresses += [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except (socket.gaierror, UnicodeError):
        pass
    addresses += [name, name + ".local"]
    return [address for number, address in enumerate(addresses) if address and address not in addresses[:number]]
