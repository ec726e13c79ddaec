"""The child that decodes images: what breaks it costs a file, and no more."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import CorruptScan, OversizedScan
from pipeline.settings import Settings
from pipeline.stages.decode import decode
from pipeline.stages.headers import Header
from pipeline.stages.images import DECODER, ImageDecoder
from tests.bench.fuzz import fuzz
from tests.stages.scanfiles import drawing, encode, png, tiff

HEADER = Header(60, 40)


@pytest.fixture
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder()
    yield decoder
    decoder.close()


def pid(decoder: ImageDecoder) -> int:
    assert decoder._child is not None
    return decoder._child._process.pid


def test_one_process_serves_many_files(decoder: ImageDecoder) -> None:
    data = encode(".png", drawing())
    assert np.array_equal(decoder.decode(data, HEADER, 10), drawing())
    first = pid(decoder)
    for kind in (".tif", ".png", ".jpg"):
        assert decoder.decode(encode(kind, drawing()), HEADER, 10).shape == (40, 60)
    with pytest.raises(CorruptScan):
        decoder.decode(data[:100], HEADER, 10)
    assert pid(decoder) == first


def test_a_crash_costs_one_file(decoder: ImageDecoder) -> None:
    data = encode(".png", drawing())
    decoder.decode(data, HEADER, 10)
    os.kill(pid(decoder), signal.SIGSEGV)
    with pytest.raises(CorruptScan, match="breaks the decoder"):
        decoder.decode(data, HEADER, 10)
    assert np.array_equal(decoder.decode(data, HEADER, 10), drawing())


def test_a_hang_is_ended(decoder: ImageDecoder) -> None:
    data = encode(".png", drawing())
    decoder.decode(data, HEADER, 10)
    os.kill(pid(decoder), signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(CorruptScan, match=r"longer than 0\.5 s"):
        decoder.decode(data, HEADER, 0.5)
    assert time.monotonic() - begin < 8
    assert np.array_equal(decoder.decode(data, HEADER, 10), drawing())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs a system that tells and limits memory")
def test_more_memory_than_the_header_accounts_for_is_not_had(decoder: ImageDecoder) -> None:
    side = 20_000  # 400 MB when decoded, 50 MB of rows, 50 kB in the file
    bomb = png(side, side, 1, 0, bytes(side * (side // 8 + 1)))
    assert len(bomb) < 100_000
    with pytest.raises(CorruptScan):
        decoder.decode(bomb, Header(side, side, pixel_bytes=0), 30)
    assert np.array_equal(decoder.decode(encode(".png", drawing()), HEADER, 10), drawing())


def test_images_at_their_limit_are_decoded(decoder: ImageDecoder) -> None:
    """What a decoder really takes is allowed: sixteen bits, four channels, in a PNG and a TIFF."""
    deep = np.random.default_rng(1).integers(0, 65536, (1500, 1500, 4), np.uint16)
    for kind in (".png", ".tif"):
        found = decoder.decode(encode(kind, deep), Header(1500, 1500, pixel_bytes=8), 60)
        assert np.array_equal(found, deep)


def test_a_page_of_too_many_bytes_is_refused() -> None:
    settings = Settings(max_page_bytes=7 * 2400)
    deep = encode(".png", np.zeros((40, 60, 4), np.uint16))
    for data in (deep, tiff([np.zeros((40, 60, 4), np.uint16)])):
        with pytest.raises(OversizedScan, match="MB"):
            list(decode(data, settings))
    assert len(list(decode(deep, replace(settings, max_page_bytes=8 * 2400)))) == 1
    grey = encode(".jpg", drawing())
    assert len(list(decode(grey, replace(settings, max_page_bytes=2400)))) == 1
    with pytest.raises(OversizedScan):
        list(decode(encode(".jpg", np.dstack([drawing()] * 3)), replace(settings, max_page_bytes=2 * 2400)))


def test_files_taken_in_turns_do_not_mix() -> None:
    one, other = tiff([drawing(), drawing()[::-1]]), tiff([drawing()[:, ::-1], drawing()])
    pairs = list(zip(decode(one, Settings()), decode(other, Settings()), strict=True))
    assert [np.array_equal(a.image, b) for (a, _), b in zip(pairs, (drawing(), drawing()[::-1]), strict=True)] == [True, True]
    assert [np.array_equal(a.image, b) for (_, a), b in zip(pairs, (drawing()[:, ::-1], drawing()), strict=True)] == [
        True,
        True,
    ]


def test_threads_take_turns() -> None:
    data = [encode(".png", np.full((40, 60), level, np.uint8)) for level in range(8)]
    found: dict[int, int] = {}

    def read(level: int) -> None:
        for _ in range(20):
            [page] = decode(data[level], Settings())
            found[level] = int(page.image[0, 0])

    threads = [threading.Thread(target=read, args=(level,)) for level in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {level: level for level in range(8)}


def test_damaged_files_of_all_kinds() -> None:
    """The short version of `python -m tests.bench.fuzz`."""
    found = fuzz(400, seed=5, pdf_share=0.01)
    assert found.wrong == []
    assert found.files == 400
    assert found.outcomes["pages"] > 40 and found.outcomes["CorruptScan"] > 100
    DECODER.close()
