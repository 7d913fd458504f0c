"""Methods of each resource, for asyncio; the other client is made of them."""

from dataclasses import dataclass, field

from generate.document import Json, answers, media_type, name_of
from generate.models import docstring, fields_of, grouped
from generate.places import (
    ALWAYS,
    BY_HAND,
    INSTANCE_RESOURCES,
    KEYED,
    LEFT_OUT,
    NEVER,
    PARAMETERS,
    PLACES,
    WHERE_CONDITIONAL,
    WORDS,
    Place,
)
from generate.typing_of import Types, imports, python_name

_OF_A_WORKSPACE = "/v1/workspaces/{w}"
_TOLD = {
    KEYED: "Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is None.",
    ALWAYS: "Where its answer is lost it is sent again.",
    NEVER: "Where its answer is lost it is not sent again: look whether it was done.",
    WHERE_CONDITIONAL: "Where its answer is lost it is sent again only with `if_match`.",
}
_TOLD_OF_MANY = (
    "Where its answer is lost it is sent again if each thing that it does has an idempotency key, or needs none."
)
_OURS = {
    **dict.fromkeys(
        ("AUTO", "all_keyed", "path_of", "read", "with_key", "with_keys", "write"), "kronos.client._core.calls"
    ),
    "AsyncListing": "kronos.client._async.listing",
    "AsyncResource": "kronos.client._async.resource",
    "AsyncAuditExports": "kronos.client._async.exports",
}


@dataclass
class Method:
    """What is known of a method before it is written."""

    place: Place
    path: str
    verb: str
    operation: Json
    document: Json
    query: dict[str, str] = field(default_factory=dict)  # the API's name -> the argument's

    @property
    def is_in_workspace(self) -> bool:
        """Whether it is called of one workspace."""
        return self.path.startswith(_OF_A_WORKSPACE) and self.place.resource not in INSTANCE_RESOURCES

    @property
    def body(self) -> str | None:
        """The name of the body's schema; None where it takes none, or an empty one."""
        if "requestBody" not in self.operation:
            return None
        (content,) = self.operation["requestBody"]["content"].values()
        name = name_of(content["schema"])
        if name is None:
            raise ValueError(f"{self.operation['operationId']}: its body is no schema with a name")
        properties, _ = fields_of(name, self.document)
        return name if properties else None


def methods(document: Json) -> list[Method]:
    """Every method of every resource. Raises ValueError for an operation that is written by hand and has changed."""
    found = []
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            name = operation["operationId"]
            if name in BY_HAND:
                takes = tuple(each["name"] for each in operation["parameters"] if each["in"] != "path")
                if set(takes) != set(BY_HAND[name]):
                    raise ValueError(f"{name} takes {takes} now: see to it in kronos/client/_async, then in BY_HAND")
                continue
            if media_type(operation) not in ("", "application/json"):
                raise ValueError(f"{name} answers {media_type(operation)}: write it by hand, and name it in BY_HAND")
            default = Place(resource=operation["tags"][0].replace("-", "_"), name=name)
            for place in PLACES.get(name, (default,)):
                found.append(Method(place, path, verb, operation, document))
    return found


def class_of(resource: str) -> str:
    """The class of a resource."""
    return "Async" + "".join(part.title() for part in resource.split("_")) + "Resource"


def resources(document: Json) -> dict[str, str]:
    """The modules of kronos/client/_async/resources by their names."""
    types, all_methods = Types(document), methods(document)
    ours = dict(_OURS) | dict.fromkeys(WORDS, "kronos.client.bodies.words")
    for is_sent, package in ((False, "models"), (True, "bodies")):
        for module, names in grouped(document, is_sent=is_sent).items():
            ours |= dict.fromkeys(names, f"kronos.client.{package}.{module}")
    by_resource: dict[str, list[Method]] = {}
    for method in all_methods:
        by_resource.setdefault(method.place.resource, []).append(method)
    made = {}
    for resource, its in by_resource.items():
        base = "AsyncAuditExports" if resource in ("audit", "instance_audit") else "AsyncResource"
        head = f"class {class_of(resource)}({base}):\n" + docstring(_says(resource, document), indent=4)
        text = "\n\n".join([head, *(_method(each, types) for each in its)]) + "\n"
        if "-> " + "list[" in text:
            raise ValueError(f"{resource}: list is a method's name here")
        made[resource] = (
            f'"""{resource.replace("_", " ").capitalize()}. Made by bin/client."""\n\n{imports(text, ours)}\n\n{text}'
        )
    made["__init__"] = _together(by_resource)
    return made


def _says(resource: str, document: Json) -> str:
    tag = next((each for each in document["tags"] if each["name"].replace("-", "_") == resource), None)
    more = {
        "files": "What files say of a workspace, all at once.",
        "me": "Who calls.",
        "operations": "Work over many rows that goes on behind a request.",
        "instance_audit": "Who changed what in the instance and all workspaces.",
        "role_mappings": "Which role a group of the identity provider has in a workspace.",
        "quotas": "What a workspace may have and make, and what it has.",
    }
    return more.get(resource) or (tag["description"] if tag else f"The API's {resource}.")


def _together(by_resource: dict[str, list[Method]]) -> str:
    """All resources, as attributes of a workspace and of the instance."""
    lines = [
        '"""The resources of the API. Made by bin/client."""',
        "",
        "from kronos.client._async.transport import AsyncTransport",
    ]
    lines += [f"from kronos.client._async.resources.{each} import {class_of(each)}" for each in by_resource]
    for name, is_in_workspace, what in (
        ("AsyncWorkspaceResources", True, "What a workspace has."),
        ("AsyncInstanceResources", False, "What the instance has."),
    ):
        lines += ["", "", f"class {name}:", f'    """{what}"""', ""]
        lines += ["    def __init__(self, transport: AsyncTransport, base: tuple[str, ...]) -> None:"]
        for resource, its in by_resource.items():
            if its[0].is_in_workspace == is_in_workspace:
                attribute = "audit" if resource == "instance_audit" else resource
                lines.append(f"        self.{attribute} = {class_of(resource)}(transport, base)")
    return "\n".join(lines) + "\n"


def _method(method: Method, types: Types) -> str:
    """One method, written out."""
    positional, keywords = _arguments(method, types)
    answer, is_listing = _answer(method, types)
    signature = ", ".join(
        ["self", *positional, *(["*", *keywords] if keywords and not keywords[0].startswith("**") else keywords)]
    )
    prefix = "" if is_listing else "async "
    lines = [
        f"    {prefix}def {method.place.name}({signature}) -> {answer}:",
        docstring(_says_method(method), indent=8),
    ]
    call = _call(method)
    if is_listing:
        inner = answer.removeprefix("AsyncListing[").removesuffix("]")
        lines.append(f"        return AsyncListing(self._transport, {call}, {inner})")
    elif answer == "None":
        lines.append(f"        await self._transport.do({call})")
    elif " | " in answer:
        lines.append(f"        made: {answer} = await self._transport.either({call}, {', '.join(answer.split(' | '))})")
        lines.append("        return made")
    else:
        lines.append(f"        return await self._transport.call({call}, {answer})")
    return "\n".join(lines)


def _says_method(method: Method) -> str:
    told = str(method.operation.get("description") or method.operation["summary"] + ".")
    if method.place.validate_only:
        told = "Only count, or judge; nothing is done. " + told
    if method.verb == "get":
        return told
    if method.place.repeat is not None and method.place.repeat not in _TOLD:
        return f"{told}\n\n{_TOLD_OF_MANY}"
    return f"{told}\n\n{_TOLD[method.place.repeat or NEVER]}"


def _answer(method: Method, types: Types) -> tuple[str, bool]:
    if method.place.answer is not None:
        return " | ".join(method.place.answer), False
    kinds = dict.fromkeys(types.answered(each) for each in answers(method.operation).values())
    if not kinds:
        return "None", False
    (kind,) = kinds
    if kind.startswith("Page[") and any(each["name"] == "cursor" for each in method.operation["parameters"]):
        return f"AsyncListing[{kind.removeprefix('Page[').removesuffix(']')}]", True
    return kind, False


def _arguments(method: Method, types: Types) -> tuple[list[str], list[str]]:
    positional, keywords = [], []
    for each in method.operation["parameters"]:
        name = each["name"]
        if each["in"] == "path":
            if not (name == "w" and method.is_in_workspace):
                positional.append(f"{PARAMETERS.get(name, name)}: UUID | str")
        elif each["in"] == "query" and name != "validate_only":
            argument = (
                "page_size"
                if name == "limit" and "cursor" in str(method.operation["parameters"])
                else python_name(name)
            )
            method.query[name] = argument
            kind = types.sent(each["schema"])
            keywords.append(f"{argument}: {kind}" if each.get("required") else f"{argument}: {kind} | None = None")
        elif each["in"] == "header":
            keywords += _header(name, method)
    keywords.sort(key=lambda each: "=" in each)
    if (body := method.body) is not None:
        keywords.append(f"**{_word(method)}: Unpack[{body}]")
    return positional, keywords


def _header(name: str, method: Method) -> list[str]:
    if name == "Idempotency-Key" and not method.place.validate_only:
        return [] if _is_key_in_body(method) else ["idempotency_key: str | None = AUTO"]
    if name == "If-Match":
        return ["if_match: int | str | None = None"]
    if name == "If-None-Match" and method.verb == "put":
        return ["only_new: bool = False"]
    if name in LEFT_OUT or name == "Idempotency-Key":
        return []
    raise ValueError(f"{method.operation['operationId']} takes a header {name}, which has no place")


def _is_key_in_body(method: Method) -> bool:
    return method.body is not None and "idempotency_key" in fields_of(method.body, method.document)[0]


def _word(method: Method) -> str:
    """What the keywords of the body are called together."""
    return {"JobBatch": "batch", "JobBulk": "bulk"}.get(str(method.body), "fields")


def _call(method: Method) -> str:
    parts = ["*self._base"]
    path = method.path.removeprefix(_OF_A_WORKSPACE) if method.is_in_workspace else method.path
    for part in filter(None, path.split("/")):
        name = part.strip("{}")
        parts.append(PARAMETERS.get(name, name) if part.startswith("{") else f'"{part}"')
    query = {name: argument for name, argument in method.query.items()}
    told = ", ".join(f'"{name}": {argument}' for name, argument in query.items())
    path = f"path_of({', '.join(parts)})"
    in_query = any(each["name"] == "validate_only" and each["in"] == "query" for each in method.operation["parameters"])
    if in_query and method.place.validate_only:
        told += ', "validate_only": True' if told else '"validate_only": True'
    if method.verb == "get":
        return f"read({path}, {{{told}}})" if told else f"read({path})"
    given = [f'"{method.verb.upper()}"', path]
    if (body := _sent_body(method, in_query)) is not None:
        given.append(f"body={body}")
    if told:
        given.append(f"query={{{told}}}")
    headers = {each["name"] for each in method.operation["parameters"] if each["in"] == "header"}
    given.append(f"repeat={method.place.repeat or NEVER}")
    if "Idempotency-Key" in headers and not _is_key_in_body(method) and not method.place.validate_only:
        given.append("idempotency_key=idempotency_key")
    if "If-Match" in headers:
        given.append("if_match=if_match")
    if "If-None-Match" in headers:
        given.append("only_new=only_new")
    return f"write({', '.join(given)})"


def _sent_body(method: Method, in_query: bool) -> str | None:
    if method.body is None:
        return None
    word = _word(method)
    if "validate_only" in fields_of(method.body, method.document)[0] and not in_query:
        return f'{{**{word}, "validate_only": {bool(method.place.validate_only)}}}'
    if method.place.repeat == KEYED and _is_key_in_body(method):
        return f"with_key({word})"
    if method.body == "JobBatch":
        return '{**batch, "jobs": with_keys(batch["jobs"])}'
    return word
