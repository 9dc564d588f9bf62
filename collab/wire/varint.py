"""Variable-length integers, byte strings and text: the alphabet of the Yjs wire format.

Sans-IO: no Django, no asyncio, no pycrdt. Everything else in ``collab.wire`` is built from the functions here.
Only canonical encodings are read, which is what the writers of lib0 and Yrs emit, so that two different frames
never mean the same. Format: y-protocols, PROTOCOL.md, section "Base encoding approaches", and ``encoding.js`` of lib0.
"""

from __future__ import annotations

from collab.errors import MalformedFrame

MAX_INTEGER = 2**53 - 1
"""The largest integer a JavaScript number holds exactly; lib0 reads no larger one correctly."""

_LONGEST_BYTES = 8
"""53 bits take eight groups of seven."""


def read_var_uint(frame: bytes, offset: int) -> tuple[int, int]:
    """Read one unsigned integer, least significant 7 bits first.

    Args:
        frame: The whole WebSocket frame.
        offset: Index of the first byte to read, in bytes from the start of the frame.

    Returns:
        The integer and the index of the byte after it.

    Raises:
        MalformedFrame: The frame ends inside the integer, the integer exceeds 53 bits, or it is padded with zeros.
    """
    try:
        byte = frame[offset]
        if byte < 0x80:
            return byte, offset + 1
        number = byte & 0x7F
        byte = frame[offset + 1]
        if 0 < byte < 0x80:
            # Clocks and lengths are mostly this short: the loop below would take three times as long.
            return number | byte << 7, offset + 2
        shift = 7
        for position in range(offset + 1, offset + _LONGEST_BYTES):
            byte = frame[position]
            if byte < 0x80:
                if byte == 0:
                    raise MalformedFrame("An integer is padded", offset=offset)
                number |= byte << shift
                if number > MAX_INTEGER:
                    break
                return number, position + 1
            number |= (byte & 0x7F) << shift
            shift += 7
    except IndexError:
        raise MalformedFrame("The frame ends inside an integer", offset=offset) from None
    raise MalformedFrame("An integer exceeds 53 bits", offset=offset)


def write_var_uint(number: int) -> bytes:
    """Encode an unsigned integer of at most 53 bits.

    Raises:
        ValueError: The number is negative or too large; a mistake of the caller, never of a client.
    """
    if number < 0x80:
        if number < 0:
            raise ValueError(f"{number} is negative")
        return bytes((number,))
    if number > MAX_INTEGER:
        raise ValueError(f"{number} exceeds 53 bits")
    groups = bytearray()
    while number > 0x7F:
        groups.append(0x80 | (number & 0x7F))
        number >>= 7
    groups.append(number)
    return bytes(groups)


def read_var_int(frame: bytes, offset: int) -> tuple[int, int]:
    """Read one signed integer: six bits and the sign in the first byte, then groups of seven bits.

    Negative zero, which lib0 writes for the JavaScript number ``-0``, is read as 0.

    Returns:
        The integer and the index of the byte after it.

    Raises:
        MalformedFrame: As for :func:`read_var_uint`; 53 bits bound the magnitude.
    """
    try:
        byte = frame[offset]
        number = byte & 0x3F
        sign = -1 if byte & 0x40 else 1
        if byte < 0x80:
            return sign * number, offset + 1
        shift = 6
        position = offset + 1
        for _ in range(_LONGEST_BYTES - 1):
            byte = frame[position]
            position += 1
            if byte < 0x80:
                if byte == 0:
                    raise MalformedFrame("An integer is padded", offset=offset)
                number |= byte << shift
                if number > MAX_INTEGER:
                    break
                return sign * number, position
            number |= (byte & 0x7F) << shift
            shift += 7
    except IndexError:
        raise MalformedFrame("The frame ends inside an integer", offset=offset) from None
    raise MalformedFrame("An integer exceeds 53 bits", offset=offset)


def write_var_int(number: int) -> bytes:
    """Encode a signed integer whose magnitude has at most 53 bits.

    Raises:
        ValueError: The magnitude is too large.
    """
    magnitude = abs(number)
    if magnitude > MAX_INTEGER:
        raise ValueError(f"{number} exceeds 53 bits")
    first = (0x40 if number < 0 else 0) | (magnitude & 0x3F)
    rest = magnitude >> 6
    return bytes((first | 0x80,)) + write_var_uint(rest) if rest else bytes((first,))


def read_bytes(frame: bytes, offset: int) -> tuple[bytes, int]:
    """Read a byte string that is preceded by its length.

    Returns:
        The bytes and the index of the byte after them.

    Raises:
        MalformedFrame: The frame ends inside it.
    """
    length, start = read_var_uint(frame, offset)
    end = start + length
    if end > len(frame):
        raise MalformedFrame("The frame ends inside a byte string", offset=start)
    return frame[start:end], end


def write_bytes(content: bytes) -> bytes:
    """Encode a byte string, preceded by its length in bytes."""
    return write_var_uint(len(content)) + content


def read_string(frame: bytes, offset: int) -> tuple[str, int]:
    """Read a text in strict UTF-8 that is preceded by its length in bytes.

    Returns:
        The text and the index of the byte after it.

    Raises:
        MalformedFrame: The frame ends inside it, or it is not UTF-8 (JavaScript clients would throw).
    """
    content, end = read_bytes(frame, offset)
    try:
        return content.decode(), end
    except UnicodeDecodeError as error:
        raise MalformedFrame("A text is not UTF-8", offset=end - len(content) + error.start) from None


def skip_string(frame: bytes, offset: int) -> int:
    """Index of the byte after a text that nobody has to look at.

    Raises:
        MalformedFrame: As for :func:`read_string`.
    """
    content, end = read_bytes(frame, offset)
    if not content.isascii():
        read_string(frame, offset)
    return end


def write_string(text: str) -> bytes:
    """Encode a text as UTF-8, preceded by its length in bytes (not in characters)."""
    return write_bytes(text.encode())
