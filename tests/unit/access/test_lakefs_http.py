"""Plain HTTP to lakeFS: whom it trusts with the key."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.access.lakefs_http import LakeFSHttp
from lakefs_unity_export.errors import LakeFSUnavailableError


@pytest.fixture
def nobodys_server(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server whose certificate only itself vouches for: its URL, and what it was sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path / "certificate.pem"))
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secured:
                        received.append(secured.recv(65_536))
                        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}", received
        listening.shutdown(socket.SHUT_RDWR)


def _certificate(file: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    unencrypted = serialization.NoEncryption()
    pem, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, plain, unencrypted) + certificate.public_bytes(pem))
    return file


def test_a_server_that_nobody_vouches_for_gets_no_key(nobodys_server: tuple[str, list[bytes]]) -> None:
    url, received = nobodys_server
    credentials = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key="secret")
    http = LakeFSHttp(endpoint=url, repository="shop", credentials=credentials, retries=0)
    with pytest.raises(LakeFSUnavailableError, match=r"\(SSLError: "):
        http.read("branch 'main'", "branches", "main")
    assert received == []
