"""Images: what is taken, what comes out, and who may see it."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from PIL import Image

from collab.models import Attachment, Role
from collab.rooms import create_room
from tests import factories

pytestmark = pytest.mark.django_db


def upload(client: Client, page: Any, content: bytes, name: str = "picture.png", kind: str = "image/png") -> Any:
    return client.post(f"/api/pages/{page.pk}/files", {"file": SimpleUploadedFile(name, content, kind)})


def stored(client: Client, response: Any) -> Image.Image:
    """What others get to see of an upload."""
    return Image.open(io.BytesIO(client.get(response.json()["url"]).content))


def files_on_disk() -> set[Path]:
    return {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


@pytest.mark.parametrize("encoding", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_stored_and_shown_with_its_true_size(encoding: str) -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    response = upload(client, cast.board, factories.picture(encoding))

    assert response.status_code == 201
    answer = response.json()
    shown = client.get(answer["url"])
    assert set(answer) == {"id", "url", "type", "width", "height", "bytes"}
    assert (answer["width"], answer["height"], answer["bytes"]) == (40, 30, len(shown.content))
    assert answer["type"] == shown["Content-Type"] == f"image/{encoding.lower()}"


@pytest.mark.parametrize("encoding", ["GIF", "WEBP"])
def test_an_animation_keeps_its_frames_and_their_times(encoding: str) -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    image = stored(client, upload(client, cast.board, factories.animation(encoding, frames=4)))

    assert getattr(image, "n_frames", 1) == 4
    image.seek(1)
    image.load()
    assert image.info["duration"] == 80
    assert image.convert("RGB").getpixel((5, 5)) != (0, 80, 255)


def test_a_still_gif_becomes_a_png() -> None:
    cast = factories.cast()

    assert upload(factories.browser(cast.bob), cast.board, factories.picture("GIF")).json()["type"] == "image/png"


def test_metadata_is_removed_and_the_orientation_it_gave_is_applied() -> None:
    """A photograph tells where it was taken and with which camera; the page needs to know neither."""
    cast = factories.cast()
    client = factories.browser(cast.bob)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010F] = "Camera of Bob"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    photograph = factories.picture("JPEG", (40, 30), exif=exif.tobytes(), comment=b"Dear Alice")

    response = upload(client, cast.board, photograph)

    content = client.get(response.json()["url"]).content
    assert (response.json()["width"], response.json()["height"]) == (30, 40)
    assert b"Camera" not in content
    assert b"Dear" not in content
    assert b"Exif" not in content


def test_text_chunks_of_a_png_and_transparency_are_told_apart() -> None:
    from PIL.PngImagePlugin import PngInfo

    cast = factories.cast()
    client = factories.browser(cast.bob)
    notes = PngInfo()
    notes.add_text("Comment", "Dear Alice")
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (10, 20, 30, 40)).save(buffer, "PNG", pnginfo=notes)

    response = upload(client, cast.board, buffer.getvalue())

    assert b"Dear" not in client.get(response.json()["url"]).content
    assert stored(client, response).convert("RGBA").getpixel((0, 0)) == (10, 20, 30, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_shown(mode: str) -> None:
    cast = factories.cast()
    image = Image.new("L", (8, 8), 128)
    buffer = io.BytesIO()
    (image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)).save(buffer, "PNG")

    assert upload(factories.browser(cast.bob), cast.board, buffer.getvalue()).status_code == 201


def test_a_cmyk_jpeg_is_shown() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    image = stored(client, upload(client, cast.board, factories.picture("JPEG", mode="CMYK")))

    assert image.mode == "RGB"


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def _png_header(width: int, height: int) -> bytes:
    """A small PNG that says it is huge."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("drawing.svg", SVG),
        ("drawing.png", SVG),
        ("page.png", HTML),
        ("gif-and-javascript.gif", b"GIF89a/*\x00" + HTML + b"*/=1;"),
        ("empty.png", b""),
        ("cut.png", factories.picture()[:60]),
        ("cut.jpg", factories.picture("JPEG", (400, 300))[:500]),
        ("photo.tiff", factories.picture("TIFF")),
        ("icon.ico", factories.picture("ICO")),
        ("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"),
        ("document.pdf", b"%PDF-1.7\n"),
        ("zeros.png", b"\x00" * 1000),
        ("header.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 "),
        ("no-pixels.png", _png_header(0, 0)),
    ],
)
def test_whatever_is_no_image_of_a_known_format_is_refused_with_a_sentence(name: str, content: bytes) -> None:
    cast = factories.cast()
    before = files_on_disk()

    response = upload(factories.browser(cast.bob), cast.board, content, name)

    assert response.status_code == 400
    assert response.json()["message"].endswith(".")
    assert not Attachment.objects.exists()
    assert files_on_disk() == before


@pytest.mark.parametrize("size", [(50_000, 50_000), (20_000, 100), (7_000, 7_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    cast = factories.cast()

    response = upload(factories.browser(cast.bob), cast.board, _png_header(*size))

    assert response.status_code in {400, 413}
    assert not Attachment.objects.exists()


@override_settings(COLLAB={"upload_max_pixels": 20 * 20 * 5})
def test_the_pixels_of_all_frames_count() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    assert upload(client, cast.board, factories.animation(frames=5)).status_code == 201
    assert upload(client, cast.board, factories.animation(frames=6)).status_code == 413


@override_settings(COLLAB={"upload_max_frames": 5})
def test_an_animation_has_a_bounded_number_of_frames() -> None:
    cast = factories.cast()

    response = upload(factories.browser(cast.bob), cast.board, factories.animation(frames=6))

    assert (response.status_code, response.json()["error"]) == (413, "too-large")
    assert "5" in response.json()["message"]


@override_settings(COLLAB={"upload_max_bytes": 2000})
def test_a_file_above_the_bound_is_refused() -> None:
    cast = factories.cast()

    response = upload(factories.browser(cast.bob), cast.board, b"\x89PNG" + b"x" * 3000)

    assert (response.status_code, response.json()["error"]) == (413, "too-large")


def test_what_hides_behind_an_image_does_not_survive() -> None:
    """A file that is an image and a program at once is only an image when it comes out."""
    cast = factories.cast()
    client = factories.browser(cast.bob)

    response = upload(client, cast.board, factories.picture("JPEG") + HTML + b"PK\x05\x06" + b"\0" * 18)

    content = client.get(response.json()["url"]).content
    assert b"script" not in content
    assert b"PK\x05\x06" not in content


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..\\x.png", "/etc/passwd", "a" * 300 + ".png", "\x00.png"])
def test_the_name_of_an_upload_is_never_used(name: str) -> None:
    cast = factories.cast()
    before = files_on_disk()

    response = upload(factories.browser(cast.bob), cast.board, factories.picture(), name)

    assert response.status_code == 201
    new = files_on_disk() - before
    assert new == {Path(settings.MEDIA_ROOT) / "pages" / str(cast.board.pk) / response.json()["id"]}


def test_the_same_image_is_stored_once_per_page() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)
    content = factories.picture()

    ids = [upload(client, page, content).json()["id"] for page in (cast.board, cast.board, cast.document)]

    assert ids[0] == ids[1] != ids[2]
    assert Attachment.objects.count() == 2


@override_settings(COLLAB={"max_files_per_page": 2})
def test_a_page_has_a_bounded_number_of_images() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    answers = [upload(client, cast.board, factories.picture(colour=colour)) for colour in ("red", "green", "blue")]

    assert [answer.status_code for answer in answers] == [201, 201, 400]
    assert upload(client, cast.board, factories.picture(colour="red")).status_code == 201, "known already"


def test_viewers_put_no_images_on_pages_and_guests_with_an_editor_link_do() -> None:
    cast = factories.cast()

    assert upload(factories.browser(cast.carol), cast.board, factories.picture()).status_code == 403
    assert upload(factories.guest(cast.room, Role.VIEWER), cast.board, factories.picture()).status_code == 403
    assert upload(factories.guest(cast.room, Role.EDITOR), cast.board, factories.picture()).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file": "text"},
        {"other": SimpleUploadedFile("x.png", b"x")},
        {"file": [SimpleUploadedFile("x.png", b"x"), SimpleUploadedFile("y.png", b"y")]},
        {"file": [SimpleUploadedFile(f"{number}.png", b"x") for number in range(9)]},
    ],
)
def test_exactly_one_file_is_expected(body: dict[str, Any]) -> None:
    cast = factories.cast()

    assert factories.browser(cast.bob).post(f"/api/pages/{cast.board.pk}/files", body).status_code == 400


def test_a_torn_multipart_body_is_refused() -> None:
    cast = factories.cast()

    response = factories.browser(cast.bob).generic(
        "POST", f"/api/pages/{cast.board.pk}/files", b"--x\r\nnonsense", "multipart/form-data; boundary=x"
    )

    assert response.status_code == 400


def test_an_image_is_for_people_of_its_room_only() -> None:
    cast = factories.cast()
    url = upload(factories.browser(cast.bob), cast.board, factories.picture()).json()["url"]

    statuses = [
        client.get(url).status_code
        for client in (
            factories.browser(cast.carol),
            factories.guest(cast.room, Role.VIEWER),
            factories.browser(cast.mallory),
            factories.guest(create_room(cast.mallory, "Other")),
            factories.browser(factories.staff()),
            factories.browser(),
        )
    ]

    assert statuses == [200, 200, 404, 404, 404, 404]


def test_an_image_cannot_become_a_page() -> None:
    """Opened directly, it runs nothing; browsers do not guess its type; shared caches do not keep it."""
    cast = factories.cast()
    client = factories.browser(cast.bob)
    url = upload(client, cast.board, factories.picture()).json()["url"]

    headers = client.get(url).headers

    assert "sandbox" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert headers["Content-Disposition"].startswith("inline; filename=")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_image_whose_file_is_gone_is_not_found() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)
    url = upload(client, cast.board, factories.picture()).json()["url"]
    Path(Attachment.objects.get().file.path).unlink()

    assert client.get(url).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_deleting_a_room_deletes_its_files() -> None:
    cast = factories.cast()
    before = files_on_disk()
    upload(factories.browser(cast.bob), cast.board, factories.picture())

    cast.room.delete()

    assert files_on_disk() == before


def test_a_row_that_cannot_be_stored_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = factories.cast()
    before = files_on_disk()

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Attachment, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        upload(factories.browser(cast.bob), cast.board, factories.picture())

    assert files_on_disk() == before
