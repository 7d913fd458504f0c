"""Read files of certificates: authorities that TLS trusts in addition to the operating system's."""

import re
import ssl
from pathlib import Path

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Twenty times the size of the bundle of all public authorities."""
_BLOCK = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.DOTALL
)


class CertificatesInvalid(ValueError):
    """A file has no usable certificates. The message is a sentence for people and names the file."""


def read_certificates(path: Path) -> str:
    """Return the certificates of a PEM file, without anything else in it. Raises CertificatesInvalid."""
    try:
        with path.open("rb") as file:
            found = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CertificatesInvalid(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    if len(found) > MAX_FILE_BYTES:
        raise CertificatesInvalid(f"{path} has more than {MAX_FILE_BYTES} bytes: it is not a file of certificates")
    blocks = _BLOCK.findall(found)
    if not blocks:
        hint = (
            "it holds a private key; write the authority's certificate"
            if b"PRIVATE KEY" in found
            else "write certificates in PEM"
        )
        raise CertificatesInvalid(f"{path} has no certificate (-----BEGIN CERTIFICATE-----): {hint}")
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for nth, block in enumerate(blocks, 1):
        try:
            trial.load_verify_locations(cadata=block.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise CertificatesInvalid(
                f"certificate {nth} of {len(blocks)} in {path} cannot be read: it is damaged or not a certificate"
            ) from error
    return b"\n".join(blocks).decode("ascii")
