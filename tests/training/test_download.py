"""MNIST from mirrors that are good, wrong, hostile, slow or not there: a real server on this machine, and no other."""

from __future__ import annotations

import gzip
import hashlib
import socket
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.errors import DataError, OutputError
from pipeline.training import download
from pipeline.training.download import MIRRORS, MNIST, Patience, RawFile, cache_folder, data_folder, fetch

CONTENT = {"train-images-idx3-ubyte": bytes(range(256)) * 40, "t10k-labels-idx1-ubyte": b"\0\0\x08\x01 seven"}
FILES = [RawFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items()]
IMAGES = FILES[0]
QUICK = Patience(silence=0.3, file=1.0)


@dataclass
class Mirror:
    """A server: what it has, what it was asked for, and how it sends an answer's body."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    send: Callable[[BaseHTTPRequestHandler, bytes], object] = lambda handler, page: handler.wfile.write(page)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A mirror with all files, packed."""
    mirror = Mirror(pages={f"/{name}.gz": gzip.compress(data) for name, data in CONTENT.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.asked.append(self.path)
            page = mirror.pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            try:
                mirror.send(self, page)
            except OSError:  # the client has had enough
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirror.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield mirror
    server.shutdown()
    thread.join()
    server.server_close()


def closed() -> str:
    """A place where no server is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GOOD = {str(Path("mnist", name)): data for name, data in CONTENT.items()}


def test_the_files_are_fetched_unpacked_and_kept(mirror: Mirror, tmp_path: Path) -> None:
    assert fetch(tmp_path / "cache", FILES, [mirror.url], QUICK) == tmp_path / "cache"
    assert written(tmp_path / "cache") == GOOD
    assert mirror.asked == [f"/{name}.gz" for name in CONTENT]


def test_a_server_may_unpack_them_itself(mirror: Mirror, tmp_path: Path) -> None:
    mirror.pages = {f"/{name}.gz": data for name, data in CONTENT.items()}
    assert written(fetch(tmp_path, FILES, [mirror.url], QUICK)) == GOOD


def test_what_is_there_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    fetch(tmp_path, FILES, [mirror.url], QUICK)
    mirror.asked.clear()
    fetch(tmp_path, FILES, [mirror.url], QUICK)
    fetch(tmp_path, FILES, [], QUICK)
    assert mirror.asked == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_only_what_is_damaged_is_fetched_anew(mirror: Mirror, tmp_path: Path, damage: str) -> None:
    fetch(tmp_path, FILES, [mirror.url], QUICK)
    mirror.asked.clear()
    file = tmp_path / "mnist" / IMAGES.name
    data = file.read_bytes()
    file.write_bytes(data[:-1] if damage == "cut" else data[:-1] + b"x")
    if damage == "gone":
        file.unlink()
    fetch(tmp_path, FILES, [mirror.url], QUICK)
    assert mirror.asked == [f"/{IMAGES.name}.gz"]
    assert written(tmp_path) == GOOD


BOMB = gzip.compress(bytes(50_000_000))
PAGES = {
    "other content": gzip.compress(b"x" * IMAGES.size),
    "shorter content": gzip.compress(CONTENT[IMAGES.name][:-1]),
    "longer content": gzip.compress(CONTENT[IMAGES.name] + b"x"),
    "cut short": gzip.compress(CONTENT[IMAGES.name])[:-30],
    "damaged": gzip.compress(CONTENT[IMAGES.name])[:20] + b"damaged" * 20,
    "a bomb": BOMB,
    "larger than it can be": bytes(IMAGES.size + 100_000),
    "a web page": b"<!DOCTYPE html><html>Log in to this network</html>",
    "nothing": b"",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_is_not_the_file_is_never_written(mirror: Mirror, tmp_path: Path, page: bytes) -> None:
    mirror.pages[f"/{IMAGES.name}.gz"] = page
    with pytest.raises(DataError):
        fetch(tmp_path, FILES, [mirror.url], QUICK)
    assert written(tmp_path) == {}


def test_a_bomb_is_not_unpacked(mirror: Mirror, tmp_path: Path) -> None:
    """A short page that would unpack to 50 MB."""
    mirror.pages[f"/{IMAGES.name}.gz"] = BOMB
    tracemalloc.start()
    with pytest.raises(DataError, match="damaged"):
        fetch(tmp_path, FILES, [mirror.url], QUICK)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def hang(handler: BaseHTTPRequestHandler, page: bytes) -> None:
    """Sends a part, then nothing, until the client is gone."""
    handler.wfile.write(page[:10])
    handler.connection.recv(1)


def trickle(handler: BaseHTTPRequestHandler, page: bytes) -> None:
    """Sends now and then a byte: never silent, never done."""
    gone = threading.Event()
    for i in range(len(page)):
        handler.wfile.write(page[i : i + 1])
        gone.wait(0.05)


def hang_up(handler: BaseHTTPRequestHandler, page: bytes) -> None:
    handler.wfile.write(page[:30])
    handler.close_connection = True


@pytest.mark.parametrize("send", [hang, trickle, hang_up])
def test_a_mirror_that_does_not_finish_is_given_up(
    mirror: Mirror, tmp_path: Path, send: Callable[[BaseHTTPRequestHandler, bytes], object]
) -> None:
    mirror.send = send
    with pytest.raises(DataError):
        fetch(tmp_path, FILES, [mirror.url], QUICK)
    assert written(tmp_path) == {}


@pytest.mark.parametrize("bad", ["none", "404", "no url", "no http"])
def test_the_next_mirror_is_tried(mirror: Mirror, tmp_path: Path, bad: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        first = {
            "none": closed(),
            "404": f"{mirror.url}elsewhere/",
            "no url": "mnist/",
            "no http": f"http://127.0.0.1:{silent.getsockname()[1]}/",
        }[bad]
        assert written(fetch(tmp_path, FILES, [first, mirror.url], QUICK)) == GOOD


def test_without_a_network_the_error_says_what_to_do(mirror: Mirror, tmp_path: Path) -> None:
    mirrors = [closed(), f"{mirror.url}elsewhere/"]
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, FILES, mirrors, QUICK)
    assert IMAGES.name in caught.value.message
    assert all(url in caught.value.message for url in mirrors)
    assert "404" in caught.value.message
    assert all(f"{file.name}.gz" in caught.value.remedy for file in FILES)
    assert "--data" in caught.value.remedy and "PIPELINE_DATA" in caught.value.remedy


def test_a_cache_that_cannot_be_written_is_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cache"):
        fetch(tmp_path / "cache", FILES, [mirror.url], QUICK)
    assert mirror.asked == []


# where the data are


def test_a_folder_that_is_given_is_taken_and_nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", None)
    assert data_folder(tmp_path) == tmp_path
    with pytest.raises(DataError, match=r"nowhere.*--data"):
        data_folder(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="they have a convention of their own")
def test_without_one_the_cache_is_filled(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(download, "MIRRORS", (mirror.url,))
    monkeypatch.setattr(download, "MNIST", tuple(FILES))
    assert data_folder(None) == tmp_path / "pipeline"
    assert written(tmp_path / "pipeline") == GOOD


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("linux", {}, "home/.cache/pipeline"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/pipeline"),
        ("darwin", {"XDG_CACHE_HOME": "/elsewhere"}, "home/Library/Caches/pipeline"),
        ("win32", {}, "home/AppData/Local/pipeline"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/pipeline"),
    ],
)
def test_the_cache_is_where_the_platform_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], wanted: str
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(wanted)


def test_the_real_files_are_asked_for_over_tls() -> None:
    assert all(url.startswith("https://") and url.endswith("/") for url in MIRRORS)
    assert [file.name for file in MNIST] == [
        f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    ]
