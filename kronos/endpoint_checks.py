"""Check what an endpoint names: its config, payload spec and secrets, and the paths into them in its templates."""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from uuid import UUID

from kronos import errors, payloads
from kronos.database import WorkspaceView
from kronos.delivery import template
from kronos.delivery.template_text import Name, TemplateError
from kronos.documents import CONFIG, MOST_USERS, PAYLOAD_SPEC, DocumentType
from kronos.errors import Fault
from kronos.model import DocumentKind, Json, JsonObject
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDocument:
    """A config or payload spec that an endpoint is to name."""

    kind: DocumentKind
    document_id: UUID
    version: int
    content: Json
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The documents that an endpoint names, as they are now; None: it names none."""

    config: NamedDocument | None
    payload_spec: NamedDocument | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentSecret:
    """A named secret that does not exist."""

    name: str


_ABSENT_SECRETS = statement("secrets.find_absent_secrets", AbsentSecret)
_DOCUMENTS = statement("endpoints.find_documents", NamedDocument)


async def named(view: WorkspaceView, *, config: str | None, payload_spec: str | None) -> Named:
    """Return the config and payload spec of these names. Raises Unprocessable if one does not exist, or if the most
    endpoints that may name it already do."""
    if config is None and payload_spec is None:
        return Named(config=None, payload_spec=None)
    found = {each.kind: each for each in await view.rows(_DOCUMENTS, {"config": config, "payload_spec": payload_spec})}
    faults = [
        *_absent(CONFIG, "/config", config, found.get("CONFIG")),
        *_absent(PAYLOAD_SPEC, "/payload_spec", payload_spec, found.get("PAYLOAD_SPEC")),
    ]
    if faults:
        raise errors.Unprocessable.of(*faults)
    return Named(config=found.get("CONFIG"), payload_spec=found.get("PAYLOAD_SPEC"))


def _absent(kind: DocumentType, pointer: str, name: str | None, found: NamedDocument | None) -> Iterator[Fault]:
    if name is None:
        return
    if found is None:
        yield Fault(
            pointer=pointer,
            detail=f"no {kind.what} {name!r} in this workspace",
            hint=f"Create the {kind.what} first, or name another one.",
        )
    elif found.users >= MOST_USERS:
        yield Fault(
            pointer=pointer,
            detail=f"{found.users} endpoints name the {kind.what} {name!r}, the most that may",
            hint=f"Create another {kind.what}.",
        )


async def unknown_secrets(view: WorkspaceView, names: Collection[str]) -> set[str]:
    """Return the names that are not secrets of the workspace."""
    return {each.name for each in await view.rows(_ABSENT_SECRETS, {"names": list(names)})}


async def require_sound(
    view: WorkspaceView, spec: JsonObject, of: Named, *, concurrency_key: str | None = None
) -> None:
    """Check that everything named in the endpoint's templates (its spec and its concurrency_key) can exist. Raises
    Unprocessable, with a pointer to each name that cannot."""
    faults: list[Fault] = []
    secrets: dict[str, str] = {}
    in_key = (("/limits/concurrency_key", name) for _, name in template.named(concurrency_key))
    for pointer, name in chain(names_in(spec), in_key):
        if name.root == "secret":
            secrets.setdefault(name.rest, pointer)
        elif fault := _fault(pointer, name, of):
            faults.append(fault)
    if secrets:
        for secret in sorted(await unknown_secrets(view, secrets.keys())):
            detail = f"{{{{secret.{secret}}}}}: no secret {secret!r} in this workspace"
            faults.append(
                Fault(pointer=secrets[secret], detail=detail, hint="Store the secret first, or name another one.")
            )
    if faults:
        raise errors.Unprocessable.of(*faults)


def names_in(spec: JsonObject) -> Iterator[tuple[str, Name]]:
    """Yield every name in the templates of a spec, with its pointer into the endpoint."""
    for member in template.TEMPLATES:
        for pointer, name in template.named(spec.get(member)):
            yield f"/spec/{member}{pointer}", name


def _fault(pointer: str, name: Name, of: Named) -> Fault | None:
    if name.default is not None:
        return None
    if name.root == "config":
        if of.config is None:
            detail = f"{{{{{name}}}}}: the endpoint names no config"
            return Fault(pointer=pointer, detail=detail, hint='Name one: "config": "production".')
        if not has(of.config.content, name):
            detail = f"{{{{{name}}}}}: the config has no such value"
            return Fault(pointer=pointer, detail=detail, hint="Add it to the config, or add a | default: here.")
    if name.root == "input" and not (of.payload_spec is None or _may_have(of.payload_spec.content, name)):
        detail = f"{{{{{name}}}}}: no input that is valid against the payload spec has such a value"
        return Fault(pointer=pointer, detail=detail, hint="Correct the path, or the payload spec.")
    return None


def _may_have(schema: Json, name: Name) -> bool:
    return payloads.may_have(schema, name.parts[1:])


def has(values: Mapping[str, Json], name: Name) -> bool:
    """Return whether a config has the value, or the name has a default."""
    try:
        template.render("{{" + str(name) + "}}", {"config": values})
    except TemplateError:
        return name.default is not None
    return True
