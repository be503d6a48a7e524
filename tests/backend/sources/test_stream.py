from __future__ import annotations

import base64
import io
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.sources import SourceError, open_source, stream
from deepvis.messages import SourceStatus

from .conftest import PATIENCE, Watched
from .test_playback import COUNT, make_video

Watch = Callable[..., Watched]


def jpeg(level: int, side: int = 64) -> bytes:
    buffer = io.BytesIO()
    random = np.random.default_rng(level)
    noise = random.integers(0, 20, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise + np.uint8(level)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Camera(ThreadingHTTPServer):
    """A network camera on this machine. ``mode`` says what it does with those who watch its motion JPEG:

    ``works``; ``breaks`` (off in the middle of the next picture); ``hangs`` (sends nothing more, holds the line);
    ``refuses`` (answers 503); ``damaged`` (every second picture is half a JPEG).
    """

    daemon_threads = True

    def __init__(self, mode: str = "works", lengths: bool = True, dashes: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Watcher)
        self.mode = mode
        self.lengths = lengths
        self.dashes = dashes
        self.asked = threading.Condition()
        self.requests = 0
        self.seen_headers: dict[str, str] = {}
        self.over = threading.Event()
        self.files: dict[str, tuple[str, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for_requests(self, count: int) -> None:
        with self.asked:
            goal = self.requests + count
            assert self.asked.wait_for(lambda: self.requests >= goal, 120)

    def handle_error(self, request: object, client_address: object) -> None:
        """Watchers that hang up are no errors."""


class Watcher(BaseHTTPRequestHandler):
    server: Camera

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        camera = self.server
        with camera.asked:
            camera.requests += 1
            camera.seen_headers = dict(self.headers)
            camera.asked.notify_all()
        if self.path in camera.files:
            kind, content = camera.files[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        elif self.path != "/video":
            self.send_error(404)
        elif camera.mode == "refuses":
            self.send_error(503)
        else:
            self.stream(camera)

    def stream(self, camera: Camera) -> None:
        self.send_response(200)
        dashes = "--" if camera.dashes else ""
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={dashes}frame")
        self.end_headers()
        count = 0
        while not camera.over.wait(0.005):
            count += 1
            content = jpeg(40 + count % 100)
            if camera.mode == "damaged" and count % 2 == 0:
                content = content[: len(content) // 2]
            length = f"Content-Length: {len(content)}\r\n" if camera.lengths else ""
            self.wfile.write(f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode())
            if camera.mode in ("breaks", "refuses"):
                self.wfile.write(content[: len(content) // 2])
                return
            if camera.mode == "hangs":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                camera.over.wait()
                return
            self.wfile.write(content + b"\r\n")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Camera]]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made: list[Camera] = []

    def make(*args: object, **options: object) -> Camera:
        made.append(Camera(*args, **options))  # type: ignore[arg-type]
        threading.Thread(target=made[-1].serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return made[-1]

    yield make
    for camera in made:
        camera.over.set()
        camera.shutdown()
        camera.server_close()


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("dashes", [True, False])
def test_motion_jpeg_is_read_as_servers_differ_in_writing_it(
    serve: Callable[..., Camera], lengths: bool, dashes: bool
) -> None:
    camera = serve(lengths=lengths, dashes=dashes)
    source = open_source(f"{camera.url}/video")
    source.open()
    frames = [source.read() for _ in range(3)]
    source.close()
    for count, frame in enumerate(frames, start=1):
        assert frame is not None
        assert frame.image.shape == (64, 64, 3)
        expected = np.asarray(Image.open(io.BytesIO(jpeg(40 + count))).convert("RGB"))
        np.testing.assert_array_equal(frame.image, expected)


def test_a_stream_that_drops_in_mid_frame_comes_back_and_shows_no_half_picture(
    watch: Watch, serve: Callable[..., Camera]
) -> None:
    camera = serve()
    watched = watch()
    watched.player.open(f"{camera.url}/video")
    watched.wait_for_state("live")
    watched.frame()
    camera.mode = "breaks"
    problem = watched.wait_for_problems()
    assert "dropped" in problem.title
    assert watched.wait_for_state("stalled").remedy
    camera.wait_for_requests(2)
    watched.frames.clear()
    camera.mode = "refuses"
    camera.wait_for_requests(2)
    camera.mode = "works"
    watched.wait_until_solved()
    assert watched.wait_for_state("live")
    frame = watched.frame()
    # The lower half of half a JPEG would be one even gray.
    assert frame.image[40:].std() > 3
    assert len(watched.problems) == 1


def test_a_stream_that_falls_silent_is_opened_again(watch: Watch, serve: Callable[..., Camera]) -> None:
    camera = serve()
    watched = watch(patience=replace(PATIENCE, stream=0.5))
    watched.player.open(f"{camera.url}/video")
    watched.frame()
    camera.mode = "hangs"
    watched.wait_for_problems()
    camera.mode = "works"
    watched.wait_until_solved()
    watched.frame()


def test_a_server_that_never_answers_is_given_up_after_a_time(
    serve: Callable[..., Camera], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = urllib.request.urlopen

    def patient(request: urllib.request.Request, timeout: float) -> HTTPResponse:
        # The server is a thread of this process, which may be late with its headers.
        answer: HTTPResponse = ask(request, timeout=120)
        answer.fp.raw._sock.settimeout(timeout)  # type: ignore[attr-defined]
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", patient)
    monkeypatch.setattr(stream, "TIMEOUT", 0.05)
    camera = serve("hangs")
    source = open_source(f"{camera.url}/video")
    source.open()
    with pytest.raises(SourceError, match="dropped") as caught:
        source.read()
    assert caught.value.then == "reopen"
    source.close()


def test_damaged_pictures_are_left_out(serve: Callable[..., Camera]) -> None:
    camera = serve("damaged")
    source = open_source(f"{camera.url}/video")
    source.open()
    outcomes = [source.read() is not None for _ in range(4)]
    source.close()
    assert outcomes == [True, False, True, False]


def test_a_server_that_is_not_there_is_tried_again(watch: Watch, serve: Callable[..., Camera]) -> None:
    camera = serve("refuses")
    watched = watch()
    watched.player.open(f"{camera.url}/video")
    status = watched.wait_for_state("failed")
    assert "503" in status.detail
    camera.mode = "works"
    watched.wait_until_solved()
    watched.wait_for_state("live")


def test_a_refused_connection_may_come_back(serve: Callable[..., Camera]) -> None:
    camera = serve()
    url = f"{camera.url}/video"
    camera.shutdown()
    camera.server_close()
    with pytest.raises(SourceError, match="does not answer") as caught:
        open_source(url)
    assert caught.value.then == "reopen"


def test_a_wrong_address_is_not_tried_again(serve: Callable[..., Camera]) -> None:
    with pytest.raises(SourceError, match="404") as caught:
        open_source(f"{serve().url}/wrong")
    assert caught.value.then == "stop"


def test_a_password_in_the_address_is_sent_and_never_shown(serve: Callable[..., Camera]) -> None:
    camera = serve()
    source = open_source(f"{camera.url}/video".replace("http://", "http://anna:se%20cret@"))
    source.open()
    frame = source.read()
    source.close()
    assert camera.seen_headers["Authorization"] == "Basic " + base64.b64encode(b"anna:se cret").decode()
    assert frame is not None
    assert "cret" not in frame.title + source.title


def test_a_password_is_in_no_event_but_the_spec(watch: Watch, serve: Callable[..., Camera]) -> None:
    camera = serve("refuses")
    watched = watch()
    watched.player.open(f"{camera.url}/video".replace("http://", "http://anna:secret@"))
    watched.wait_for_state("failed")
    told = " ".join(
        str(replace(event, spec="") if isinstance(event, SourceStatus) else event) for event in watched.events
    )
    assert "127.0.0.1" in told
    assert "secret" not in told


def test_a_picture_behind_an_address_is_a_still(serve: Callable[..., Camera]) -> None:
    camera = serve()
    camera.files["/cat.jpg"] = ("image/jpeg", jpeg(90))
    source = open_source(f"{camera.url}/cat.jpg")
    source.open()
    frame = source.read()
    assert frame is not None
    assert frame.still
    assert frame.image.shape == (64, 64, 3)


def test_a_film_behind_an_address_plays(serve: Callable[..., Camera], tmp_path: Path) -> None:
    camera = serve()
    camera.files["/film.mp4"] = ("video/mp4", make_video(tmp_path / "film.mp4").read_bytes())
    source = open_source(f"{camera.url}/film.mp4")
    source.open()
    frame = source.read()
    source.close()
    assert frame is not None
    assert frame.duration == pytest.approx(3.0)
    assert "seek" in source.controls


def test_other_streams_are_read_through_ffmpeg_until_they_end(tmp_path: Path) -> None:
    import socket

    film = make_video(tmp_path / "film.ts").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(film)

        sender = threading.Thread(target=send)
        sender.start()
        source = open_source(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        source.open()
        levels = []
        caught: SourceError | None = None
        while caught is None:
            try:
                frame = source.read()
            except SourceError as error:
                caught = error
            else:
                assert frame is not None
                levels.append(round(float(frame.image.mean()) / 8))
        source.close()
        sender.join()
    assert "dropped" in caught.title
    assert caught.then == "reopen"
    assert levels == list(range(COUNT))


@pytest.mark.parametrize("url", ["concat://a|b", "file:///etc/passwd", "http://", "ftp://server/film.mp4"])
def test_addresses_of_no_stream_are_refused(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(url)
    assert caught.value.then == "stop"


def test_a_dead_rtsp_server_is_tried_again() -> None:
    source = open_source("rtsp://127.0.0.1:9/stream")
    with pytest.raises(SourceError, match="does not answer") as caught:
        source.open()
    assert caught.value.then == "reopen"
