"""The usage page of a workspace, and the form for its quotas."""

from starlette.responses import Response

from kronos import errors, quotas
from kronos.api.call import Call
from kronos.api.dependencies import View
from kronos.api.schemas import QuotasPut
from kronos.dashboard import forms
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, done, shown
from kronos.model import Role
from kronos.quotas import QuotaLimits

pages = Pages()
_REFUSALS = (errors.InvalidRequest, errors.Unprocessable, errors.PreconditionFailed, errors.Forbidden)


@pages.get("/w/{w}/usage", needs=Role.VIEWER)
async def get_usage(call: Call, view: View) -> Response:
    """The usage of each quota."""
    return shown(call, "usage.html", usage=await quotas.usage(view))


@pages.get("/w/{w}/usage/edit", needs=Role.INSTANCE_ADMIN)
async def get_quotas(call: Call, view: View) -> Response:
    """The form for the quotas."""
    found = await quotas.get(view)
    limits = {name: getattr(found, name) for name in QuotasPut.model_fields}
    return shown(call, "quotas_form.html", form=FilledForm.of(limits), version=str(found.version))


@pages.post("/w/{w}/usage/edit", needs=Role.INSTANCE_ADMIN)
async def put_quotas(call: Call, view: View) -> Response:
    """Set all quotas, unless the workspace was changed in the meantime."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(QuotasPut, sent.document())
        await quotas.put(view, QuotaLimits(**body.model_dump()), if_match={version_of(sent)})
    except _REFUSALS as error:
        form = sent.form.refused(error)
        return shown(call, "quotas_form.html", form.status, form=form, version=sent.text("version"))
    return done(call, "Quotas saved. They apply to new items from now on.", "w", call.path_params["w"], "usage")
