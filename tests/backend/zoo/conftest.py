from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from zoo.file_server import FileServer


@pytest.fixture
def server() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.requests.append(asked)
            if state.status != 200:
                self.send_error(state.status)
                return
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.ranges else 0
            if begin >= len(state.content) > 0:
                self.send_error(416)
                return
            body = state.content[begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.drop_after:
                self.wfile.write(body[: state.drop_after.pop(0)])
            elif state.hold is not None:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                state.held.set()
                state.hold.wait(120)
            else:
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            if state.hold is not None:
                state.hold.set()
            httpd.shutdown()
            thread.join()
