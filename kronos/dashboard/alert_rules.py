"""The alert rule pages: create, change, preview and delete a rule."""

from collections.abc import Mapping

from starlette.responses import Response

from kronos import alerts, beats, errors, jobs
from kronos.alert_rows import AlertRule
from kronos.alerts import NewRule
from kronos.api.alert_schemas import NUMBERS, AlertRuleCreate, AlertRulePut, new_rule
from kronos.api.call import Call
from kronos.api.dependencies import AlertRuleName, View
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, SentForm, left_out, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.jobs import JobFilter
from kronos.model import JsonObject, Role
from kronos.records import dataclass

pages = Pages("/w/{w}/alert-rules")
_MOST_SHOWN = 20
_SHOW = "show"
"""The button that previews which jobs the rule covers, and writes nothing."""
_FIELDS = ("condition", "selects", "per", "severity", "recovered", "repeat_seconds", "enabled")
_TYPES_OF: Mapping[str, list[str]] = {
    name: [kind for kind, each in NUMBERS.items() if name in (*each[0], *each[1])]
    for needed, optional in NUMBERS.values()
    for name in (*needed, *optional)
}
"""For each number, the condition types that have it."""
_NUMBERS = (
    (
        "count",
        "Count in a row",
        "Failed runs, or missed ticks. Missed ticks default to 1.",
        "integer",
    ),
    ("percent", "Failure rate (percent)", "For a failure rate.", "integer"),
    ("runs", "Over the last runs", "For a failure rate: set this, or the window below.", "integer"),
    (
        "window_seconds",
        "Over the last seconds",
        "For a failure rate: 60 to 86,400.",
        "integer",
    ),
    (
        "min_runs",
        "Minimum number of runs",
        "For a failure rate. With fewer runs the rule does not alert. Empty: the number of last runs above, or 1.",
        "integer",
    ),
    ("seconds", "Longer than (seconds)", "For a run that begins late or takes too long, or for no success.", "integer"),
    (
        "factor",
        "Longer than (times usual)",
        "For a run that takes too long: set this, the seconds, or both.",
        "number",
    ),
)
"""For each number: its name, label, hint, and kind (forms.py)."""
_PRESET: Mapping[str, object] = {"condition": {"type": "FAILURES", "count": 3}, "recovered": True, "enabled": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePreview:
    """What a rule would cover: the names, or ids, of the first jobs and heartbeats, and whether there are more."""

    jobs: list[str]
    heartbeats: list[str]
    has_more: bool


@pages.get("/~new", needs=Role.ADMIN)
async def get_new_rule(call: Call, view: View) -> Response:
    """The form of a new rule."""
    await view.enter()
    return _form(call, None, FilledForm.of(_PRESET))


@pages.post("", needs=Role.ADMIN)
async def post_rule(call: Call, view: View) -> Response:
    """Create a rule, or preview what it would cover."""
    given = await sent(call)
    try:
        body = await call.judged(AlertRuleCreate, _of_its_kind(given).document())
        new = new_rule(body.name, body)
        if given.has(_SHOW):
            return _form(call, None, given.form, await _preview(view, new))
        await alerts.create(view, new)
    except errors.KronosError as error:
        return _form(call, None, given.form.refused(error))
    told = f"Alert rule {new.name} created. {_left_out(given, FilledForm.of(_PRESET))}"
    return done(call, told.strip(), "w", view.workspace, "alerts")


@pages.get("/{name}", needs=Role.ADMIN)
async def get_rule(call: Call, view: View, name: AlertRuleName) -> Response:
    """A rule, as a form for its next version."""
    rule = await alerts.get(view, name)
    return _form(call, rule, _filled(rule))


@pages.post("/{name}", needs=Role.ADMIN)
async def put_rule(call: Call, view: View, name: AlertRuleName) -> Response:
    """Save a rule's next version, based on the version shown in the form; or preview what it would cover."""
    given = await sent(call)
    rule = await alerts.get(view, name)
    try:
        new = new_rule(name, await call.judged(AlertRulePut, _put_document(given)))
        if given.has(_SHOW):
            return _form(call, rule, given.form, await _preview(view, new))
        await alerts.replace(view, new, if_match={version_of(given)}, must_exist=True)
    except errors.KronosError as error:
        return _form(call, rule, given.form.refused(error))
    told = f"Alert rule {name} saved. {_left_out(given, _filled(rule))}"
    return done(call, told.strip(), "w", view.workspace, "alerts")


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_rule(call: Call, view: View, name: AlertRuleName) -> Response:
    """Delete a rule and close its incidents."""
    given = await sent(call)
    try:
        await alerts.delete(view, name, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        rule = await alerts.get(view, name)
        return _form(call, rule, _filled(rule).refused(error))
    return done(call, f"Alert rule {name} deleted and its incidents closed.", "w", view.workspace, "alerts")


def _put_document(given: SentForm) -> JsonObject:
    document = _of_its_kind(given).document()
    document.pop("name", None)
    return document


def _others(given: SentForm) -> list[str]:
    """The numbers that belong to other condition types."""
    return [name for name, types in _TYPES_OF.items() if given.text("/condition/type") not in types]


def _left_out(given: SentForm, before: FilledForm) -> str:
    labels = {name: label for name, label, _, _ in _NUMBERS}
    return left_out(given, before, {f"/condition/{name}": labels[name] for name in _others(given)})


def _of_its_kind(given: SentForm) -> SentForm:
    """The form without the numbers of other condition types, which its page does not show."""
    hidden = {f"/condition/{name}" for name in _others(given)}
    return SentForm(fields=[(name, text) for name, text in given.fields if name.partition(":")[0] not in hidden])


def _filled(rule: AlertRule) -> FilledForm:
    form = FilledForm.of({name: getattr(rule, name) for name in _FIELDS})
    return FilledForm(values={**form.values, "/tell": [", ".join(rule.tell)], "version": [str(rule.version)]})


async def _preview(view: WorkspaceView, rule: NewRule) -> RulePreview:
    """Return the live CRON jobs and heartbeats that the rule selects now. Raises JobNotFound, HeartbeatNotFound."""
    limit = _MOST_SHOWN
    named, beating = [], []
    match rule.selector:
        case "JOB":
            named = [await jobs.get(view, str(rule.selected))]
        case "HEARTBEAT":
            beating = [await beats.get(view, str(rule.selected))]
        case _:
            tag = rule.selected if rule.selector == "TAG" else None
            endpoint = rule.selected if rule.selector == "ENDPOINT" else None
            which = JobFilter(endpoint=endpoint, tag=tag, trigger="CRON", status="LIVE")
            named = [*await jobs.list_page(view, which, limit=limit + 1, before=None)]
            if endpoint is None:
                beating = await beats.list_page(view, tag=tag, state=None, limit=limit, before=None)
    return RulePreview(
        jobs=[each.name or str(each.job_id) for each in named[:limit]],
        heartbeats=[each.name for each in beating[:limit]],
        has_more=len(named) > limit or len(beating) > limit,
    )


def _form(call: Call, rule: AlertRule | None, form: FilledForm, preview: RulePreview | None = None) -> Response:
    return shown(
        call,
        "alert_rule.html",
        form.status,
        rule=rule,
        form=form,
        preview=preview,
        types_of=_TYPES_OF,
        numbers=_NUMBERS,
    )
