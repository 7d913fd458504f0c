"""The start and the result of a sign-in at an identity provider."""

from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person, as the identity provider describes them."""

    subject: str
    email: str | None
    groups: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """The values that a browser must bring back from the provider."""

    state: str
    nonce: str
    verifier: str
