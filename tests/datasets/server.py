"""A server that speaks Poly Haven's API, well or badly."""

import hashlib
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

Answer = Callable[[BaseHTTPRequestHandler], None]


class PolyHaven:
    """Listens on a free port of this machine; a context manager.

    Attributes:
        assets: what /assets lists.
        files: what /files/ID answers, by id.
        contents: what downloads give, by path.
        asked: path and Range of each request, in order.
        agents: User-Agents seen.
        instead: answers of requests to come, by path, each used once.
    """

    def __init__(self) -> None:
        self.assets: dict[str, Any] = {}
        self.files: dict[str, Any] = {}
        self.contents: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.agents: set[str | None] = set()
        self.instead: dict[str, list[Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, name: str, content: bytes, **entry: object) -> None:
        """An HDRI of 1k, as .exr."""
        path = f"/file/{name}_1k.exr"
        self.assets[name] = {"type": 0, "authors": {"Ann Author": "All"}, "categories": ["outdoor"], **entry}
        self.contents[path] = content
        md5 = hashlib.md5(content).hexdigest()
        self.files[name] = {"hdri": {"1k": {"exr": {"url": self.url + path, "size": len(content), "md5": md5}}}}

    def entry(self, name: str) -> dict[str, Any]:
        """What /files says of the file."""
        found: dict[str, Any] = self.files[name]["hdri"]["1k"]["exr"]
        return found

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                server.asked.append((self.path, self.headers["Range"]))
                server.agents.add(self.headers["User-Agent"])
                waiting = server.instead.get(path)
                if waiting:
                    waiting.pop(0)(self)
                elif path == "/assets":
                    send(self, json.dumps(server.assets).encode())
                elif path.startswith("/files/") and path[7:] in server.files:
                    send(self, json.dumps(server.files[path[7:]]).encode())
                elif path in server.contents:
                    self._send_part(server.contents[path])
                else:
                    self.send_error(404)

            def _send_part(self, content: bytes) -> None:
                wanted = self.headers["Range"]
                if not wanted:
                    return send(self, content)
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                return send(self, content[start:], 206, {"Content-Range": span})

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


def send(
    handler: BaseHTTPRequestHandler,
    content: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> None:
    """Answers; with another length than the content has, breaks the connection after it."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def answers(*arguments: Any, **options: Any) -> Answer:
    """An answer for `PolyHaven.instead`; see `send`."""
    return lambda handler: send(handler, *arguments, **options)
