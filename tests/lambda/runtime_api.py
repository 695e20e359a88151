"""The Lambda Runtime API, as strict as the real one, around one function process.

It hands out invocations, reads answers chunk by chunk with their times, and freezes the process (SIGSTOP) the
moment the last byte of an answer is read, before it is acknowledged; the next invocation thaws it. Whatever the
function left undone at that moment stays undone.
"""

import json
import os
import queue
import signal
import socket
import socketserver
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field

DELIMITER = b"\0" * 8


@dataclass
class Invocation:
    """One call of the function and what came back."""

    event: dict
    timeout_s: float = 30.0
    drop_after: int | None = None  # the reader goes away once this many bytes were read
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    headers: dict = field(default_factory=dict)  # of the function's response, lower case
    chunks: list = field(default_factory=list)  # (seconds since it was handed out, bytes)
    trailers: dict = field(default_factory=dict)
    error: dict | None = None
    started: float = 0.0
    seconds: float = 0.0
    dropped: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def raw(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    @property
    def streamed(self) -> bool:
        return self.headers.get("lambda-runtime-function-response-mode") == "streaming"

    @property
    def prelude(self) -> dict:
        """Status and headers: before the delimiter of a streamed answer, or the whole of a buffered one."""
        return json.loads(self.raw.split(DELIMITER, 1)[0]) if self.streamed else json.loads(self.raw)

    @property
    def status(self) -> int:
        return self.prelude["statusCode"]

    @property
    def body(self) -> bytes:
        if self.streamed:
            return self.raw.split(DELIMITER, 1)[1]
        import base64

        body = self.prelude.get("body") or ""
        return base64.b64decode(body) if self.prelude.get("isBase64Encoded") else body.encode()

    @property
    def answer_headers(self) -> dict:
        found = {k.lower(): v for k, v in (self.prelude.get("headers") or {}).items()}
        found.update({k.lower(): v[0] for k, v in (self.prelude.get("multiValueHeaders") or {}).items()})
        return found

    def wait(self) -> "Invocation":
        assert self.done.wait(self.timeout_s + 15), "the function never answered"
        return self


class Function:
    """A function process under the emulated Runtime API. Use as a context manager."""

    def __init__(self, binary: str, environment: dict, concurrency: int = 1, freezes: bool = True, log: str | None = None):
        self.freezes, self.waiting, self.flying = freezes, queue.Queue(), {}
        self.lock = threading.Lock()
        self.ready_after: float | None = None  # seconds from exec to the first /invocation/next
        self.is_frozen = False
        self.freezes_seen = 0
        self.init_error = None
        api = self

        class Connection(_Connection):
            function = api

        self.server = _Server(("127.0.0.1", 0), Connection)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        host, port = self.server.server_address
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        variables = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            **({"AWS_LAMBDA_MAX_CONCURRENCY": str(concurrency)} if concurrency > 1 else {}),
            **environment,
        }
        self.executed = time.monotonic()
        self.process = subprocess.Popen([binary], env=variables, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thaw()
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()

    def start(self, event: dict, **options) -> Invocation:
        """Hands out an invocation and does not wait for it."""
        invocation = Invocation(event, **options)
        with self.lock:
            self.flying[invocation.id] = invocation
        self.thaw()
        self.waiting.put(invocation)
        return invocation

    def invoke(self, event: dict, **options) -> Invocation:
        return self.start(event, **options).wait()

    def wait_until_ready(self, seconds: float = 30):
        end = time.monotonic() + seconds
        while self.ready_after is None and time.monotonic() < end and self.is_alive:
            time.sleep(0.001)
        assert self.ready_after is not None, f"never asked for an invocation: {self.init_error}"
        return self.ready_after

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen, self.freezes_seen = True, self.freezes_seen + 1

    def thaw(self):
        if self.is_frozen and self.is_alive:
            self.process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def finish(self, invocation: Invocation):
        """The last byte is read: freeze, unless another invocation is still running."""
        invocation.seconds = time.monotonic() - invocation.started
        with self.lock:
            self.flying.pop(invocation.id, None)
            if self.freezes and not self.flying and self.is_alive:
                self.freeze()
        invocation.done.set()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a killed function drops its connections


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    function: Function

    def handle(self):
        while line := self.rfile.readline():
            method, path, _ = line.decode().split(" ", 2)
            headers = self.read_headers()
            route = path.rsplit("/", 1)[-1]
            if route == "next" and "/runtime/" in path:
                self.next()
            elif route == "response":
                if not self.response(self.function.flying[path.split("/")[-2]], headers):
                    return
            elif route == "error" and "/invocation/" in path:
                invocation = self.function.flying[path.split("/")[-2]]
                invocation.headers, invocation.error = headers, json.loads(b"".join(self.read_body(headers)))
                self.function.finish(invocation)
                self.accept()
            else:
                self.function.init_error = b"".join(self.read_body(headers)).decode()
                self.accept()

    def read_headers(self) -> dict:
        headers = {}
        while (line := self.rfile.readline().decode().strip()) != "":
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return headers

    def read_body(self, headers):
        """Pieces of the body as they arrive; trailers end up in `headers` under `trailer:`."""
        if headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(headers.get("content-length", 0)))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        for name, value in self.read_headers().items():
            headers["trailer:" + name] = value

    def next(self):
        function = self.function
        if function.ready_after is None:
            function.ready_after = time.monotonic() - function.executed
        invocation = function.waiting.get()
        invocation.started = time.monotonic()
        body = json.dumps(invocation.event).encode()
        deadline = int((time.time() + invocation.timeout_s) * 1000)
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            + f"lambda-runtime-aws-request-id: {invocation.id}\r\n".encode()
            + f"lambda-runtime-deadline-ms: {deadline}\r\n".encode()
            + b"lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-2:123456789012:function:function\r\n"
            + b"lambda-runtime-trace-id: Root=1-691fe2c8-2f1f6cfa7e5b7a3f1f0a9d11;Sampled=0\r\n"
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def response(self, invocation: Invocation, headers: dict) -> bool:
        """Reads an answer; false if the reader goes away in the middle of it: an early answer, and no more reading."""
        invocation.headers = headers
        for piece in self.read_body(headers):
            invocation.chunks.append((time.monotonic() - invocation.started, piece))
            if invocation.drop_after is not None and len(invocation.raw) >= invocation.drop_after:
                invocation.dropped = True
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                self.connection.shutdown(socket.SHUT_WR)
                with self.function.lock:
                    self.function.flying.pop(invocation.id, None)
                invocation.done.set()
                while self.rfile.read1(65536):
                    pass  # unread bytes would reset the connection before its answer is seen
                return False
        invocation.trailers = {k.removeprefix("trailer:"): v for k, v in headers.items() if k.startswith("trailer:")}
        self.function.finish(invocation)
        self.accept()
        return True

    def accept(self):
        self.wfile.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
