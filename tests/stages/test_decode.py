from __future__ import annotations

import itertools
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.errors import CorruptScan, EmptyScan, EncryptedScan, OversizedScan, ScanError, UnsupportedScan
from pipeline.records import Image
from pipeline.settings import Settings
from pipeline.stages.decode import decode, is_scan
from pipeline.training.pdffile import pdf_of_jpegs
from tests.stages.scanfiles import PDF_DRAWING, drawing, encode, exif, oriented, pdf, png, tiff

SCANS = Path(__file__).parents[1] / "data" / "scans"
#: A drawing of one pixel a point.
SETTINGS = Settings(pdf_dpi=72)
#: Grey levels that JPEG may be off beside a sharp edge.
JPEG = 30


def images(data: bytes, settings: Settings = SETTINGS) -> list[Image]:
    return [page.image for page in decode(data, settings)]


def image(data: bytes, settings: Settings = SETTINGS) -> Image:
    (only,) = images(data, settings)
    return only


def same(one: Image, other: Image, tolerance: int = 0) -> bool:
    return (
        one.dtype == np.uint8
        and one.shape == other.shape
        and int(np.abs(one.astype(int) - other.astype(int)).max()) <= tolerance
    )


def colour() -> Image:
    """The drawing in red channel only, so that blue, green and red differ."""
    white = np.full_like(drawing(), 255)
    return np.dstack([white, white, drawing()])


# --- what comes out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".png", ".tif", ".jpg"])
def test_grey_stays_grey_and_colour_stays_colour(kind: str) -> None:
    assert same(image(encode(kind, drawing())), drawing(), JPEG)
    off = np.abs(image(encode(kind, colour())).astype(int) - colour())  # by shape, too
    assert off.mean() < 5  # JPEG smears colour over two pixels


def test_pages_count_from_one() -> None:
    pages = list(decode(tiff([drawing()] * 3), SETTINGS))
    assert [page.number for page in pages] == [1, 2, 3]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(kind: str, orientation: int) -> None:
    stored = {  # what a camera stores for each value of the tag (Exif 2.32)
        1: drawing(),
        2: drawing()[:, ::-1],
        3: drawing()[::-1, ::-1],
        4: drawing()[::-1],
        5: drawing().T,
        6: np.rot90(drawing(), 1),
        7: drawing()[::-1, ::-1].T,
        8: np.rot90(drawing(), -1),
    }[orientation]
    assert same(image(oriented(kind, np.ascontiguousarray(stored), orientation)), drawing(), JPEG)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_means_upright(orientation: int) -> None:
    assert same(image(oriented(".jpg", drawing(), orientation)), drawing(), JPEG)


def test_sixteen_bits_are_scaled() -> None:
    deep = drawing().astype(np.uint16) * 257
    assert same(image(encode(".png", deep)), drawing())  # type: ignore[arg-type]
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        assert same(image(tiff([deep], order)), drawing())
        assert same(image(tiff([65535 - deep], order, tags={262: 0})), drawing())


def test_alpha_is_laid_on_white_paper() -> None:
    ink = np.zeros((40, 60, 4), np.uint8)
    ink[..., 3] = 255 - drawing()  # black ink, as opaque as the drawing is dark
    assert same(image(encode(".png", ink)), drawing())
    assert same(image(encode(".png", ink.astype(np.uint16) * 257)), drawing())  # type: ignore[arg-type]
    assert same(image(tiff([ink])), drawing(), 1)


def test_grey_with_alpha_comes_out_grey() -> None:
    alpha = 255 - drawing()
    rows = b"".join(b"\0" + np.dstack([0 * row, row]).tobytes() for row in alpha)
    assert same(image(png(60, 40, 8, 4, rows)), drawing())


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_of_few_bits(depth: int) -> None:
    levels = (drawing() > 64).astype(np.uint8) * (2**depth - 1)
    bits = np.unpackbits(levels[..., None], axis=2)[..., 8 - depth :].reshape(40, -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
    assert same(image(png(60, 40, depth, 0, rows)), np.where(drawing() > 64, 255, 0).astype(np.uint8))


def test_tiff_of_one_bit_with_black_or_white_as_zero() -> None:
    black_and_white = np.where(drawing() > 64, 255, 0).astype(np.uint8)
    assert same(image(tiff([black_and_white], bits=1)), black_and_white)
    assert same(image(tiff([~black_and_white], bits=1, tags={262: 0})), black_and_white)
    assert same(image(tiff([~drawing()], tags={262: 0})), drawing())


@pytest.mark.parametrize("file", sorted(SCANS.glob("1bit*.tif")), ids=lambda file: file.stem)
def test_one_bit_tiff_in_every_compression(file: Path) -> None:
    assert same(image(file.read_bytes()), np.where(drawing() > 64, 255, 0).astype(np.uint8))


@pytest.mark.parametrize("name", ["grey_jpeg.tif", "grey_lzw.tif", "progressive.jpg"])
def test_grey_files_of_other_makers(name: str) -> None:
    assert same(image((SCANS / name).read_bytes()), drawing(), JPEG)


@pytest.mark.parametrize("name", ["cmyk.jpg", "palette.tif", "palette.png"])
def test_colour_files_of_other_makers(name: str) -> None:
    assert same(image((SCANS / name).read_bytes()), colour(), JPEG)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_of_both_byte_orders_and_sizes(order: Literal["<", ">"], big: bool) -> None:
    pages = images(tiff([drawing(), drawing()[::-1], drawing()[:, ::-1]], order, big))
    assert all(map(same, pages, [drawing(), drawing()[::-1], drawing()[:, ::-1]]))


def test_thumbnails_of_a_tiff_are_no_pages() -> None:
    with pytest.raises(EmptyScan):
        images(tiff([drawing()], tags={254: 1}))


# --- what is refused ------------------------------------------------------------------------------------------------------


def test_empty() -> None:
    with pytest.raises(EmptyScan):
        images(b"")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"PK\x03\x04\x14\0", "Office"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Word"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
        (b"GIF89a", "GIF"),
        ("name;mark\nZoë;7\n".encode(), "text"),
        (bytes(100), "zeros"),
        (b"\x7fELF\x02\x01\0", "no image"),
    ],
)
def test_other_files_are_named(head: bytes, name: str) -> None:
    assert not is_scan(head)
    with pytest.raises(UnsupportedScan, match=name) as caught:
        images(head)
    assert caught.value.remedy


def test_a_phone_photo_comes_with_the_setting_to_change() -> None:
    with pytest.raises(UnsupportedScan, match="Most compatible"):
        images(b"\0\0\0\x18ftypheic\0\0\0\0")


def test_is_scan_looks_at_the_bytes() -> None:
    for data in (encode(".jpg", drawing()), encode(".png", drawing()), tiff([drawing()]), tiff([drawing()], ">", big=True)):
        assert is_scan(data[:16])
    assert is_scan(b"x" * 900 + b"%PDF-1.7")
    assert not is_scan(b"") and not is_scan(b"x" * 1100 + b"%PDF-1.7")


def whole_files() -> dict[str, bytes]:
    return {
        "jpeg": encode(".jpg", drawing()),
        "progressive": (SCANS / "progressive.jpg").read_bytes(),
        "png": encode(".png", drawing()),
        "tiff": tiff([drawing()]),
        "lzw": (SCANS / "grey_lzw.tif").read_bytes(),
        "group4": (SCANS / "1bit_group4.tif").read_bytes(),
        "bigtiff": tiff([drawing(), drawing()], ">", big=True),
    }


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "png"])
def test_a_file_cut_anywhere_is_corrupt(kind: str) -> None:
    data = whole_files()[kind]
    for end in range(20, len(data) - 1, 7):
        with pytest.raises(CorruptScan):
            images(data[:end])


def test_a_truncated_tiff_is_corrupt() -> None:
    data = tiff([drawing()])
    for end in range(20, len(data), 97):
        with pytest.raises(CorruptScan):
            images(data[:end])


def test_a_thumbnail_does_not_end_a_jpeg() -> None:
    content = b"Exif\0\0" + exif(1) + encode(".jpg", drawing())
    data = encode(".jpg", drawing())
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + data[2:]
    assert same(image(data), drawing(), JPEG)
    with pytest.raises(CorruptScan):
        images(data[:-20])


def test_a_damaged_png_is_corrupt() -> None:
    data = bytearray(encode(".png", drawing()))
    data[-20] ^= 1
    with pytest.raises(CorruptScan):
        images(bytes(data))


@pytest.mark.parametrize("width", [0, 0x7FFFFFFF])
def test_size_is_checked_before_decoding(width: int) -> None:
    bomb = bytearray(encode(".jpg", drawing()))
    frame = bomb.index(b"\xff\xc0")
    bomb[frame + 5 : frame + 9] = struct.pack(">HH", 0xFFFF if width else 0, min(width, 0xFFFF))
    expected = OversizedScan if width else CorruptScan
    for data in (bytes(bomb), png(width, 40, 8, 0, b""), tiff([drawing()], tags={256: width})):
        with pytest.raises(expected):
            images(data)


def test_a_png_that_says_less_than_it_holds_is_corrupt_or_small() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in drawing())
    assert images(png(60, 40, 8, 0, rows))[0].shape == (40, 60)
    with pytest.raises(CorruptScan):
        images(png(60, 80, 8, 0, rows))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = (SCANS / "progressive.jpg").read_bytes()
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(CorruptScan, match="scans"):
        images(data[:scan] + data[scan:-2] * 200 + data[-2:])


def test_page_limit_of_a_tiff() -> None:
    data = tiff([drawing()] * 5)
    assert len(images(data, replace(SETTINGS, max_pages=5))) == 5
    with pytest.raises(OversizedScan):
        images(data, replace(SETTINGS, max_pages=4))


def test_thumbnails_do_not_count_as_pages_nor_go_on_for_ever() -> None:
    data = tiff([drawing()] * 5, tags={254: 1})
    with pytest.raises(EmptyScan):
        images(data, replace(SETTINGS, max_pages=2))
    with pytest.raises(OversizedScan):
        images(data, replace(SETTINGS, max_pages=1))


def collected(data: bytes, settings: Settings = SETTINGS) -> tuple[int, ScanError | None]:
    """How many pages came before the error."""
    count = 0
    try:
        for page in decode(data, settings):
            count = page.number
    except ScanError as error:
        return count, error
    return count, None


def test_good_pages_come_before_a_damaged_one() -> None:
    data = tiff([drawing()] * 4)
    count, error = collected(data[: len(data) - 100])
    assert (count, type(error)) == (3, CorruptScan)
    count, error = collected(tiff([drawing()] * 2 + [np.zeros((900, 60), np.uint8)]), replace(SETTINGS, max_pixels=3000))
    assert (count, type(error)) == (2, OversizedScan)


def test_a_circle_of_pages_ends() -> None:
    data = bytearray(tiff([drawing(), drawing()]))
    second = struct.unpack_from("<I", data, 8 + 2 + 9 * 12)[0]
    struct.pack_into("<I", data, second + 2 + 9 * 12, 8)
    count, error = collected(bytes(data))
    assert (count, type(error)) == (2, CorruptScan)


@pytest.mark.parametrize("tags", [{259: 34712}, {258: 32}, {277: 2}, {339: 3}])
def test_a_tiff_that_nothing_here_reads_is_not_called_damaged(tags: dict[int, int]) -> None:
    with pytest.raises(UnsupportedScan):
        images(tiff([drawing()], tags=tags))


# --- PDF ------------------------------------------------------------------------------------------------------------------


def test_pdf_pages() -> None:
    pages = images(pdf([PDF_DRAWING, b"1 0 0 rg 0 0 60 40 re f"]))
    assert same(pages[0], drawing(), 1)
    assert pages[1].shape == (40, 60, 3) and pages[1][20, 30].tolist() == [0, 0, 255]
    assert image(pdf([PDF_DRAWING]), Settings(pdf_dpi=144)).shape == (80, 120)


def test_a_scanned_pdf_is_the_image_in_it() -> None:
    jpegs = [encode(".jpg", drawing()), encode(".jpg", colour())]
    grey, coloured = images(pdf_of_jpegs([(jpeg, 60, 40) for jpeg in jpegs], dpi=72))
    assert same(grey, drawing(), JPEG)
    assert coloured.shape == (40, 60, 3)
    assert image(pdf_of_jpegs([(jpegs[0], 60, 40)], dpi=36)).shape == (80, 120)


def test_pdf_rotation_is_honoured() -> None:
    assert same(image(pdf([PDF_DRAWING], rotate=90)), np.rot90(drawing(), -1), 1)


def test_pdf_annotations_are_drawn() -> None:
    stamp = b"/Annots[<</Type/Annot/Subtype/Square/Rect[40 25 55 35]/IC[0 0 0]/C[0 0 0]/F 4>>]"
    assert image(pdf([b""], annotation=stamp))[10, 47] == 0


def test_pdf_with_junk_around_it() -> None:
    assert same(image(b"junk\n" + pdf([PDF_DRAWING]) + b"\r\n\0\0"), drawing(), 1)


def test_pdf_with_a_password() -> None:
    with pytest.raises(EncryptedScan, match="password"):
        images((SCANS / "encrypted.pdf").read_bytes())
    assert same(image((SCANS / "owner_only.pdf").read_bytes()), drawing(), 1)  # opens without one


def test_pdf_that_is_not_all_there() -> None:
    data = pdf([PDF_DRAWING])
    for broken in (data[: len(data) // 2], b"%PDF-1.4\n%%EOF", b"%PDF-1.4 " + bytes(500) + b"%%EOF"):
        with pytest.raises(CorruptScan):
            images(broken)


def test_pdf_without_pages() -> None:
    with pytest.raises((EmptyScan, CorruptScan)):
        images(pdf([]))


def test_pdf_limits() -> None:
    with pytest.raises(OversizedScan):
        images(pdf([b""] * 3), replace(SETTINGS, max_pages=2))
    with pytest.raises(OversizedScan):
        images(pdf([b""], size=(14400, 14400)))


def test_pdf_pages_before_a_damaged_one_come_out() -> None:
    broken = pdf([PDF_DRAWING] * 3).replace(b"7 0 obj\n<</Type/Page/", b"7 0 obj\n<</Type/Gone/").replace(b"7 0 R", b"9 9 R")
    count, error = collected(broken)
    assert (count, type(error)) == (2, CorruptScan)


@pytest.fixture
def renderers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Every renderer that is started, and none may be left running."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    yield started
    assert started and all(process.returncode is not None for process in started)


def test_a_slow_page_is_given_up(renderers: list[subprocess.Popen[bytes]]) -> None:
    endless = b"0 0 m " + b"%d 40 l %d 0 l " * 200_000 % tuple(itertools.islice(itertools.cycle(range(60)), 400_000)) + b"B*"
    begin = time.monotonic()
    count, error = collected(pdf([b"", endless, b""]), replace(SETTINGS, pdf_seconds=0.3))
    assert (count, type(error)) == (1, CorruptScan)
    assert time.monotonic() - begin < 8


def test_a_crash_of_the_renderer_is_one_bad_scan(renderers: list[subprocess.Popen[bytes]]) -> None:
    pages = decode(pdf([b""] * 50, size=(600, 800)), SETTINGS)
    next(pages)
    renderers[0].kill()
    with pytest.raises(CorruptScan):
        list(pages)


def test_closing_early_ends_the_renderer(renderers: list[subprocess.Popen[bytes]]) -> None:
    pages = decode(pdf([b""] * 50, size=(600, 800)), SETTINGS)
    assert next(pages).number == 1
    pages.close()  # type: ignore[attr-defined]


# --- anything at all ------------------------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(whole_files())), st.data())
def test_damage_gives_pages_or_a_scan_error(kind: str, data: st.DataObject) -> None:
    content = bytearray(whole_files()[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    collected(bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content))


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b""]),
    st.binary(max_size=300),
)
def test_any_bytes_after_a_magic_give_pages_or_a_scan_error(magic: bytes, rest: bytes) -> None:
    collected(magic + rest)


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_damaged_pdf_gives_pages_or_a_scan_error(data: st.DataObject) -> None:
    content = bytearray(pdf([PDF_DRAWING, PDF_DRAWING]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(9, len(content) - 7))
        content[at : at + 1] = data.draw(st.binary(max_size=4))
    collected(bytes(content))
