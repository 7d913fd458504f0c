"""A certificate authority for a test, made with the command openssl."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
"""


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; `file` holds its own, in PEM."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, name: str) -> "Authority":
        folder = folder / name
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        _openssl(
            "req",
            "-x509",
            *_KEY,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            folder / "ca.key",
            "-out",
            folder / "ca.pem",
        )
        return cls(folder)

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, names: str, *, since: str = "20200101000000Z", until: str = "20491231000000Z") -> ssl.SSLContext:
        """Return a receiver's key and certificate for these names (`IP:127.0.0.1`, `DNS:shop.test`)."""
        stem = self.folder / names.replace(":", "-").replace(",", "_")
        key, request, certificate, extensions = (stem.with_suffix(f".{end}") for end in ("key", "csr", "pem", "ext"))
        extensions.write_text(f"subjectAltName = {names}\n")
        _openssl("req", "-new", *_KEY, "-subj", "/CN=receiver", "-keyout", key, "-out", request)
        told = ("-batch", "-notext", "-config", self.folder / "openssl.cnf", "-extfile", extensions)
        _openssl("ca", *told, "-in", request, "-out", certificate, "-startdate", since, "-enddate", until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context
