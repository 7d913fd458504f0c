"""The finding about secrets: whether the keys that they are encrypted under are at hand, and are the first."""

from kronos import resealing, session
from kronos.doctor.finding import Finding
from kronos.encryption import KeysInvalid, KeySource

_CHECK = "secrets"


def secrets(connection: session.Connection, source: KeySource) -> Finding:
    """Which secrets cannot be decrypted with these keys, or are under an old one. Raises psycopg.Error."""
    try:
        keys = source.read()
    except KeysInvalid as error:
        return Finding(
            check=_CHECK,
            ok=False,
            detail=str(error),
            meaning="neither the API nor a worker starts with such keys",
            fix="what the sentence says",
        )
    others = resealing.other_keys(connection, keys)
    if unknown := [other for other in others if not other.is_known]:
        return Finding(
            check=_CHECK,
            ok=False,
            detail="; ".join(
                f"{other.secrets} under the key {other.key_id}, which is not at hand: {other.described}"
                for other in unknown
            ),
            meaning="where the workers lack it as well, deliveries that need these secrets fail",
            fix=resealing.fault([other.key_id for other in unknown], keys),
        )
    if others:
        return Finding(
            check=_CHECK,
            ok=False,
            detail="; ".join(
                f"{other.secrets} under the old key {other.key_id}: {other.described}" for other in others
            ),
            meaning="the old key cannot be taken away yet",
            fix="run `kronos secrets rotate`",
        )
    return Finding(check=_CHECK, ok=True, detail="all are under the first encryption key" if keys else "there are none")
