"""What an endpoint's templates name must be able to exist when the endpoint is saved, and each name that cannot is
reported at its place. The database's answers are the test's.
"""

from typing import Any
from uuid import UUID

import pytest

from kronos import errors
from kronos.documents import MOST_USERS
from kronos.endpoint_checks import (
    AbsentSecret,
    Named,
    NamedDocument,
    has,
    named,
    names_in,
    require_sound,
    unknown_secrets,
)
from kronos.model import DocumentKind, Json
from scripted_view import View

_CONFIG: Json = {"region": "eu", "limits": {"day": 7}, "off": None, "hosts": ["a", "b"]}
_SPEC: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
_NONE = Named(config=None, payload_spec=None)


def document(kind: DocumentKind, content: Json, *, users: int = 0) -> NamedDocument:
    return NamedDocument(kind=kind, document_id=UUID(int=1), version=1, content=content, users=users)


_BOTH = Named(config=document("CONFIG", _CONFIG), payload_spec=document("PAYLOAD_SPEC", _SPEC))


async def faults(spec: dict[str, Any], of: Named = _NONE, *, absent: tuple[str, ...] = (), **more: Any) -> list[Any]:
    view: Any = View(find_absent_secrets=[[AbsentSecret(name=name) for name in absent]])
    try:
        await require_sound(view, spec, of, **more)
    except errors.Unprocessable as refused:
        return list(refused.faults)
    return []


@pytest.mark.parametrize(
    ("template", "detail"),
    [
        ("{{config.region}}", None),
        ("{{config.limits.day}}", None),
        ("{{config.limits}}", None),
        ("{{config.off}}", None),
        ("{{config.hosts.1}}", None),
        ("{{config.hosts.2}}", "{{config.hosts.2}}: the config has no such value"),
        ("{{config.limits.week}}", "{{config.limits.week}}: the config has no such value"),
        ("{{config.limits.week | default: 1}}", None),
        ("{{config.region.x}}", "{{config.region.x}}: the config has no such value"),
        ("{{input}}", None),
        ("{{input.n}}", None),
        ("{{input.m}}", "{{input.m}}: no input that is valid against the payload spec has such a value"),
        ("{{input.n.m}}", "{{input.n.m}}: no input that is valid against the payload spec has such a value"),
        ("{{input.m | default: 'x'}}", None),
        ("{{job.id}} {{execution.cause}} {{scheduled_at | local}}", None),
        ("\\{{config.none}}", None),
        ("plain", None),
    ],
)
async def test_a_name_that_cannot_exist_is_reported_unless_it_has_a_default(template: str, detail: str | None) -> None:
    found = await faults({"body_template": {"a": [template]}}, _BOTH)
    assert [(fault.pointer, fault.detail) for fault in found] == (
        [] if detail is None else [("/spec/body_template/a/0", detail)]
    )
    assert all(fault.hint for fault in found)


async def test_without_a_config_none_may_be_named_and_without_a_payload_spec_any_input_may() -> None:
    found = await faults({"body_template": ["{{input.a.b}}", "{{config.region}}", "{{config.region | default: 1}}"]})
    assert [(fault.pointer, fault.detail, fault.hint) for fault in found] == [
        (
            "/spec/body_template/1",
            "{{config.region}}: the endpoint names no config",
            'Name one: "config": "production".',
        )
    ]


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"url": "https://a.example/{{config.x}}"}, "/spec/url"),
        ({"headers": {"X-A/b": "{{config.x}}"}}, "/spec/headers/X-A~1b"),
        ({"body_template": "{{config.x}}"}, "/spec/body_template"),
        ({"fields_template": {"f": "{{config.x}}"}}, "/spec/fields_template/f"),
        ({"key_template": "{{config.x}}"}, "/spec/key_template"),
        ({"value_template": [{"v": "{{config.x}}"}]}, "/spec/value_template/0/v"),
        ({"subject_template": "{{config.x}}"}, "/spec/subject_template"),
        ({"text_template": "{{config.x}}"}, "/spec/text_template"),
        ({"username": "{{config.x}}"}, "/spec/username"),
        ({"password": "{{config.x}}"}, "/spec/password"),
        ({"sasl": {"mechanism": "PLAIN", "password": "{{config.x}}"}}, "/spec/sasl/password"),
        ({"tls": {"client_key": "{{config.x}}"}}, "/spec/tls/client_key"),
    ],
)
async def test_templates_are_found_in_each_member_that_may_have_some(spec: dict[str, Any], pointer: str) -> None:
    assert [fault.pointer for fault in await faults(spec)] == [pointer]
    assert [(at, str(name)) for at, name in names_in(spec)] == [(pointer, "config.x")]


@pytest.mark.parametrize("member", ["redis_url", "stream", "topic", "bootstrap_servers", "smtp_url", "sender", "to"])
async def test_in_other_members_braces_are_plain_text(member: str) -> None:
    assert await faults({member: ["{{config.x}} {{"]}) == []


async def test_secrets_that_do_not_exist_are_asked_for_at_once_and_reported_where_they_are_first_named() -> None:
    spec = {
        "url": "https://a.example/?k={{secret.b}}",
        "headers": {"A": "{{secret.a}}{{secret.b}}", "C": "{{secret.there}}"},
        "body_template": {"x": "{{config.none}}", "d": "{{secret.d | default: 'x'}}"},
    }
    view: Any = View(find_absent_secrets=[[AbsentSecret(name="b"), AbsentSecret(name="a")]])
    with pytest.raises(errors.Unprocessable) as refused:
        await require_sound(view, spec, _NONE)
    assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == [
        ("/spec/body_template/x", "{{config.none}}: the endpoint names no config"),
        ("/spec/headers/A", "{{secret.a}}: no secret 'a' in this workspace"),
        ("/spec/url", "{{secret.b}}: no secret 'b' in this workspace"),
    ]
    ((name, params),) = view.asked
    assert (name, sorted(params["names"])) == ("find_absent_secrets", ["a", "b", "d", "there"])


async def test_an_endpoint_without_secrets_asks_for_none() -> None:
    view: Any = View()
    await require_sound(view, {"body_template": "{{input.a}}"}, _NONE)
    assert view.asked == []
    absent: Any = View(find_absent_secrets=[[AbsentSecret(name="a")]])
    assert await unknown_secrets(absent, ["a", "b"]) == {"a"}


@pytest.mark.parametrize(
    ("key", "pointers"),
    [
        ("{{input.n}}", []),
        ("{{input.m}}-{{input.n}}", ["/limits/concurrency_key"]),
        ("{{input.m | default: 'x'}}", []),
        (None, []),
    ],
)
async def test_a_concurrency_key_names_what_inputs_may_have(key: str | None, pointers: list[str]) -> None:
    found = await faults({}, _BOTH, concurrency_key=key)
    assert [fault.pointer for fault in found] == pointers


@pytest.mark.parametrize(
    ("config", "payload_spec", "found", "expected"),
    [
        ("c", None, [document("CONFIG", {})], []),
        ("c", "p", [document("CONFIG", {}), document("PAYLOAD_SPEC", {})], []),
        ("c", "p", [document("PAYLOAD_SPEC", {})], [("/config", "no config 'c' in this workspace")]),
        ("c", "p", [], [("/config", "no config 'c' in this workspace"),
                        ("/payload_spec", "no payload spec 'p' in this workspace")]),
        (None, "p", [document("PAYLOAD_SPEC", {}, users=MOST_USERS - 1)], []),
        (None, "p", [document("PAYLOAD_SPEC", {}, users=MOST_USERS)],
         [("/payload_spec", f"{MOST_USERS} endpoints name the payload spec 'p', the most that may")]),
    ],
)  # fmt: skip
async def test_the_documents_that_an_endpoint_names_must_exist_and_have_room_for_it(
    config: str | None, payload_spec: str | None, found: list[NamedDocument], expected: list[tuple[str, str]]
) -> None:
    view: Any = View(find_documents=[found])
    if expected:
        with pytest.raises(errors.Unprocessable) as refused:
            await named(view, config=config, payload_spec=payload_spec)
        assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == expected
        assert all(fault.hint for fault in refused.value.faults)
    else:
        of = await named(view, config=config, payload_spec=payload_spec)
        assert [each for each in (of.config, of.payload_spec) if each is not None] == found
    assert view.asked == [("find_documents", {"config": config, "payload_spec": payload_spec})]


async def test_an_endpoint_that_names_no_document_costs_no_query() -> None:
    view: Any = View()
    assert await named(view, config=None, payload_spec=None) == _NONE
    assert view.asked == []


def test_a_config_has_a_value_also_if_it_is_null() -> None:
    names = dict(
        names_in({"url": "{{config.off}}", "headers": "{{config.on}}", "username": "{{config.on | default: 1}}"})
    )
    assert [has({"off": None}, names[f"/spec/{member}"]) for member in ("url", "headers", "username")] == [
        True, False, True,
    ]  # fmt: skip
