"""Configs, payload specs, calendars and endpoints of files: compare, create and change them."""

from collections.abc import Callable

from kronos import (
    apply_alerts,
    apply_diffs,
    calendars,
    configs,
    documents,
    endpoint_checks,
    endpoints,
    errors,
    payload_specs,
    payloads,
)
from kronos.apply_terms import ResourceOutcome, WantedResource
from kronos.applying import OPERATORS_KINDS, Applying, require_admin
from kronos.calendars import NewCalendar
from kronos.database import WorkspaceView
from kronos.documents import PAYLOAD_SPEC
from kronos.endpoints import NewEndpoint
from kronos.errors import Fault
from kronos.managed import Present
from kronos.model import Endpoint, JsonObject


def fields_of(
    found: Present, wanted: WantedResource, shown_endpoint: Callable[[Endpoint], JsonObject]
) -> JsonObject | None:
    """Return the fields of an existing resource as files have them; None if it does not exist."""
    match wanted.kind:
        case "job":
            job = found.jobs.get(wanted.name)
            return apply_diffs.of_job(job) if job is not None else None
        case "endpoint":
            endpoint = found.endpoints.get(wanted.name)
            return shown_endpoint(endpoint) if endpoint is not None else None
        case "heartbeat":
            heartbeat = found.heartbeats.get(wanted.name)
            return apply_alerts.of_heartbeat(heartbeat) if heartbeat is not None else None
        case "alert_rule":
            rule = found.alert_rules.get(wanted.name)
            return apply_alerts.of_rule(rule) if rule is not None else None
        case "calendar":
            calendar = found.documents.get(wanted.key)
            return dict(calendar.content) if calendar is not None else None
        case _:
            document = found.documents.get(wanted.key)
            content = "values" if wanted.kind == "config" else "schema"
            return {content: document.content} if document is not None else None


async def require_secrets(applying: Applying) -> None:
    """Reject secrets that the files need and that do not exist: their values are never in files."""
    asked = applying.asked.secrets
    absent = await endpoint_checks.unknown_secrets(applying.view, {name for _, name in asked}) if asked else set()
    for pointer, name in asked:
        if name in absent:
            detail = f"no secret {name!r} in this workspace"
            hint = f"Store it first, since its value is never in a file: kronos secret set {name}."
            applying.faults.append(Fault(pointer=f"{pointer}/name", detail=detail, hint=hint))
            applying.codes.add(errors.SecretNotFound.code)


def require_admin_to_adopt(applying: Applying) -> None:
    """Check that the caller may adopt these resources. An operator may not bring kinds that only an admin creates into
    a set, since the set may remove them later. Raises Forbidden."""
    for each in applying.outcomes:
        if each.is_adopted and each.wanted.kind not in OPERATORS_KINDS and not applying.asked.may_configure:
            raise errors.Forbidden(
                f"adopting the existing {each.wanted.kind.replace('_', ' ')} {each.wanted.name!r} into the set "
                f"{applying.asked.set_name!r} needs the role admin; an operator applies jobs and heartbeats"
            )


async def make_documents(applying: Applying) -> None:
    """Create and change configs and payload specs. Values that a config loses are kept until the endpoints are changed.
    Inputs are validated once all jobs are in place (judge_inputs)."""
    view = applying.view
    for each in [*applying.to_make("config"), *applying.to_change("config")]:
        require_admin(applying, each)
        wanted = each.wanted
        try:
            await _put_config(view, wanted.name, wanted.fields["values"])
        except errors.KronosError as error:
            if error.code != "templates_need_value":
                applying.refuse_for(each, error)
                continue
            await _keep_values(applying, each)
    for each in [*applying.to_make("payload_spec"), *applying.to_change("payload_spec")]:
        require_admin(applying, each)
        try:
            await payload_specs.replace(
                view,
                each.wanted.name,
                each.wanted.fields["schema"],
                if_match=None,
                if_none_match=(),
                must_exist=False,
                force=True,
            )
        except errors.KronosError as error:
            applying.refuse_for(each, error)


async def make_calendars(applying: Applying) -> None:
    """Create and change calendars, and move the next runs of the jobs that name them."""
    for each in [*applying.to_make("calendar"), *applying.to_change("calendar")]:
        require_admin(applying, each)
        if not isinstance(each.wanted.made, NewCalendar):
            raise TypeError(f"{each.wanted.pointer} is not a calendar")
        try:
            await calendars.replace(
                applying.view, each.wanted.name, each.wanted.made, if_match=None, if_none_match=(), must_exist=False
            )
        except errors.KronosError as error:
            applying.refuse_for(each, error)


async def _keep_values(applying: Applying, outcome: ResourceOutcome) -> None:
    """Keep both old and new values in the config for now, since templates still name values that it will lose."""
    wanted = outcome.wanted
    before: JsonObject = (outcome.present or {}).get("values", {})
    try:
        await _put_config(applying.view, wanted.name, _merged(before, wanted.fields["values"]))
    except errors.KronosError as error:
        applying.refuse_for(outcome, error)
    applying.unfinished_configs[wanted.name] = wanted.fields["values"]


async def _put_config(view: WorkspaceView, name: str, values: JsonObject) -> None:
    await configs.replace(view, name, values, if_match=None, if_none_match=(), must_exist=False)


async def finish_configs(applying: Applying) -> None:
    """Remove the values that no endpoint names any more from configs."""
    for each in applying.of("config"):
        if (values := applying.unfinished_configs.get(each.wanted.name)) is not None:
            try:
                await _put_config(applying.view, each.wanted.name, values)
            except errors.KronosError as error:
                applying.refuse_for(each, error)


async def make_endpoints(applying: Applying) -> None:
    """Create and change endpoints. Inputs of their jobs are validated later."""
    for each in [*applying.to_make("endpoint"), *applying.to_change("endpoint")]:
        require_admin(applying, each)
        if not isinstance(each.wanted.made, NewEndpoint):
            raise TypeError(f"{each.wanted.pointer} is not an endpoint")
        try:
            await endpoints.replace(applying.view, each.wanted.made, force=True)
        except errors.KronosError as error:
            applying.refuse_for(each, error)


async def judge_inputs(applying: Applying) -> None:
    """Reject new or changed payload specs that the present inputs of live jobs do not match. The changed rows are
    locked, so no job can be created meanwhile that this does not see."""
    for each in applying.to_change("payload_spec"):
        schema = each.wanted.fields["schema"]
        await _judge(applying, each, schema, f"the payload spec {each.wanted.name!r} cannot be changed", is_spec=True)
    schemas = {each.wanted.name: each.wanted.fields["schema"] for each in applying.of("payload_spec")}
    for each in applying.to_change("endpoint"):
        spec = each.wanted.fields["payload_spec"]
        if spec is None or not any(change.field == "/payload_spec" for change in each.changes):
            continue
        if spec not in schemas:
            schemas[spec] = (await documents.get(applying.view, PAYLOAD_SPEC, spec)).content
        what = f"the endpoint {each.wanted.name!r} cannot name the payload spec {spec!r}"
        await _judge(applying, each, schemas[spec], what, is_spec=False)


async def _judge(applying: Applying, outcome: ResourceOutcome, schema: object, what: str, *, is_spec: bool) -> None:
    validator = payloads.compiled(schema)
    name = outcome.wanted.name
    try:
        verdict = await payload_specs.judge(
            applying.view, validator, payload_spec=name if is_spec else None, endpoint=None if is_spec else name
        )
        if not verdict.is_allowed:
            raise payload_specs.refused(verdict, what)
    except errors.KronosError as error:
        applying.refuse_for(outcome, error)


def _merged(before: JsonObject, after: JsonObject) -> JsonObject:
    """Return the values of both; where both have one, the later."""
    merged = dict(before)
    for name, value in after.items():
        old = before.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
