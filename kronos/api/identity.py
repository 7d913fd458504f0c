"""What a sign-in at an identity provider begins with and comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the provider says that somebody is."""

    subject: str
    email: str | None
    groups: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """What a browser that was sent to the provider has to come back with."""

    state: str
    nonce: str
    verifier: str
