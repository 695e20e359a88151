"""HTTPS in front of a plain server, as the edge does it in AWS: botocore sends bearer tokens over HTTPS only."""

import asyncio
import atexit
import os
import pathlib
import shutil
import ssl
import tempfile
import threading
from urllib.parse import urlsplit

import trustme


def https_front(base):
    """The https address of a forwarder to `base`, and the file of the authority that vouches for it."""
    folder = pathlib.Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    started, port = threading.Event(), []

    async def serve():
        server = await asyncio.start_server(lambda r, w: forward(r, w, base), "127.0.0.1", 0, ssl=context)
        port.append(server.sockets[0].getsockname()[1])
        started.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    if not started.wait(10):
        raise RuntimeError("the HTTPS forwarder does not start")
    return f"https://127.0.0.1:{port[0]}", os.fspath(folder / "ca.pem")


async def forward(reader, writer, base):
    to = urlsplit(base)
    try:
        upstream_reader, upstream_writer = await asyncio.open_connection(to.hostname, to.port)
        await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer))
    except OSError:
        writer.close()


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
