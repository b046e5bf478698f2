"""Requests over TLS: only servers that this system trusts."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from latchstring import http
from latchstring.contract import NoResponse, Request, Response, Unreachable

if shutil.which("openssl") is None:
    pytest.skip("openssl makes the certificate", allow_module_level=True)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Makes a certificate for `localhost`, with its key in the same file."""
    path = tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(path),
            "-out",
            str(tmp_path / "own.pem"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "own.pem").read_text())
    return path


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    stream, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(stream, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                except OSError:
                    stream.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def get(host: str, port: int) -> Response | NoResponse:
    http._tls.cache_clear()
    return http.send(Request("get", f"https://{host}:{port}/", (), None), reaches=lambda _: True)


def reason(answer: Response | NoResponse) -> Unreachable:
    assert isinstance(answer, NoResponse) and isinstance(answer.payload, Unreachable)
    return answer.payload


def test_a_certificate_that_this_system_does_not_know_is_not_trusted(port: int) -> None:
    unreachable = reason(get("localhost", port))
    assert not unreachable.sent
    assert "its certificate is not trusted" in unreachable.reason


def test_a_trusted_certificate_is_valid_only_for_its_name(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    response = get("localhost", port)
    assert isinstance(response, Response) and response.body == b"ok"
    assert "its certificate is not trusted" in reason(get("127.0.0.1", port)).reason
