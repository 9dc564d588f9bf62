"""Making an uploaded image safe to show: what comes out was drawn anew by us from its pixels.

Formats are told by their content, never by name or type; the bounds are checked from the header, before anything is
decoded. Metadata (place, camera, comments), trailing bytes and whatever else may hide in a file are not copied; the
orientation and colours they describe are applied instead. Knows no Django apart from translations.
"""

from __future__ import annotations

import io
import struct
import threading
from dataclasses import dataclass
from typing import IO, Any

from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageOps, ImageSequence

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_MAX_SIDE = 16_383
"""The longest side WebP can store; the others take more, but no screen does."""
_MAX_PROFILE_BYTES = 1024 * 1024
_DECODING = threading.BoundedSemaphore(2)
"""Decoding may take some hundred megabytes for the largest images: never many at a time."""
_DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    SyntaxError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise for damaged files, by experience."""

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
"""The types that are stored, and how their names end."""


class RefusedImage(Exception):
    """A file that is not taken as an image.

    Attributes:
        code: A word for programs.
        message: A sentence for people, translated.
        too_large: Whether a smaller version of the same picture would be taken.
    """

    def __init__(self, code: str, message: str, *, too_large: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.too_large = too_large


@dataclass(frozen=True, slots=True)
class CleanImage:
    """An image made by us."""

    data: bytes
    content_type: str
    width: int
    height: int


def clean_image(file: IO[bytes], *, max_pixels: int, max_frames: int, max_bytes: int) -> CleanImage:
    """Decode an image and encode it again.

    Args:
        file: The upload, seekable. Its size has been checked.
        max_pixels: Bound on the pixels of all frames together.
        max_frames: Bound on the frames of an animation.
        max_bytes: Bound on the result.

    Raises:
        RefusedImage: It is no image of a known format, is damaged, or is above a bound.
    """
    with _DECODING:
        try:
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(image, max_pixels)
                clean = _encode(image, max_pixels=max_pixels, max_frames=max_frames)
        except Image.DecompressionBombError:
            raise _too_many_pixels(max_pixels) from None
        except _DECODER_ERRORS:
            raise RefusedImage(
                "not-an-image",
                _("This is not an image we can show. Choose a PNG, JPEG, GIF or WebP file that is not damaged."),
            ) from None
    if len(clean.data) > max_bytes:
        raise RefusedImage("too-large", _("This image is too large. Make it smaller and try again."), too_large=True)
    return clean


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ValueError("no pixels")
    if width * height > max_pixels or max(width, height) > _MAX_SIDE:
        raise _too_many_pixels(max_pixels)


def _too_many_pixels(max_pixels: int) -> RefusedImage:
    return RefusedImage(
        "too-large",
        _("This image has too many pixels: %(limit)d million is the most, over all frames of an animation.")
        % {"limit": max_pixels // 1_000_000},
        too_large=True,
    )


def _encode(image: Image.Image, *, max_pixels: int, max_frames: int) -> CleanImage:
    if image.format in {"GIF", "WEBP"} and getattr(image, "is_animated", False):
        return _encode_animation(image, max_pixels=max_pixels, max_frames=max_frames)
    still = _in_srgb(ImageOps.exif_transpose(image))
    if image.format == "JPEG":
        still = still if still.mode in {"L", "RGB"} else still.convert("RGB")
        return _save(still, "JPEG", quality=90, progressive=True)
    still = _in_plain_mode(still)
    if image.format == "WEBP":
        return _save(still, "WEBP", quality=90, method=4)
    return _save(still, "PNG")


def _encode_animation(image: Image.Image, *, max_pixels: int, max_frames: int) -> CleanImage:
    """Copy an animation frame by frame, so that a bound is noticed before the next frame is decoded."""
    width, height = image.size
    affordable = min(max_frames, max_pixels // (width * height))
    frames: list[Image.Image] = []
    durations: list[int] = []
    for frame in ImageSequence.Iterator(image):
        if len(frames) >= max_frames:
            raise RefusedImage(
                "too-large",
                _("This animation has too many frames: %(limit)d is the most.") % {"limit": max_frames},
                too_large=True,
            )
        if len(frames) >= affordable:
            raise _too_many_pixels(max_pixels)
        frames.append(_without_metadata(frame.convert("RGBA")))
        durations.append(min(max(int(frame.info.get("duration") or 100), 20), 60_000))
    options: dict[str, Any] = {
        "save_all": True,
        "append_images": frames[1:],
        "duration": durations,
        "loop": min(max(int(image.info.get("loop", 1)), 0), 1000),
    }
    if image.format == "GIF":
        return _save(frames[0], "GIF", disposal=2, **options)
    return _save(frames[0], "WEBP", quality=85, method=2, **options)


def _in_srgb(image: Image.Image) -> Image.Image:
    """The image with its colour profile applied; a profile that cannot be used is ignored, as browsers do."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _MAX_PROFILE_BYTES:
        return image
    if image.mode not in {"RGB", "RGBA", "CMYK"}:
        return image
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
        )
    except (ImageCms.PyCMSError, *_DECODER_ERRORS):
        return image
    return converted or image


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """The image in a mode that every browser shows alike."""
    if image.mode in {"1", "L", "LA", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
    has_alpha = image.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _without_metadata(image: Image.Image) -> Image.Image:
    image.info = {}
    return image


def _save(image: Image.Image, encoding: str, **options: Any) -> CleanImage:
    buffer = io.BytesIO()
    width, height = image.size
    image.load()
    _without_metadata(image).save(buffer, encoding, exif=b"", icc_profile=None, **options)
    return CleanImage(buffer.getvalue(), f"image/{encoding.lower()}", width, height)
