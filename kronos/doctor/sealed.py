"""The finding about secrets: whether their encryption keys are available, and whether all use the first key."""

from kronos import resealing, session
from kronos.doctor.finding import Finding
from kronos.encryption import KeysInvalid, KeySource

_CHECK = "secrets"


def secrets(connection: session.Connection, source: KeySource) -> Finding:
    """Report secrets that cannot be decrypted with these keys, or that use an old key. Raises psycopg.Error."""
    try:
        keys = source.read()
    except KeysInvalid as error:
        return Finding(
            check=_CHECK,
            ok=False,
            detail=str(error),
            meaning="neither the API nor a worker starts with such keys",
            fix="follow the message above",
        )
    others = resealing.other_keys(connection, keys)
    if unknown := [other for other in others if not other.is_known]:
        return Finding(
            check=_CHECK,
            ok=False,
            detail="; ".join(
                f"{other.secrets} under the key {other.key_id}, which is not available: {other.described}"
                for other in unknown
            ),
            meaning="if the workers lack it as well, deliveries that need these secrets fail",
            fix=resealing.fault([other.key_id for other in unknown], keys),
        )
    if others:
        return Finding(
            check=_CHECK,
            ok=False,
            detail="; ".join(
                f"{other.secrets} under the old key {other.key_id}: {other.described}" for other in others
            ),
            meaning="the old key cannot be removed yet",
            fix="run `kronos secrets rotate`",
        )
    return Finding(check=_CHECK, ok=True, detail="all use the first encryption key" if keys else "there are none")
