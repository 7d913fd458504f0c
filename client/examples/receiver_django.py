"""A receiver of Kronos's deliveries with Django: the view, in a minimal project."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from kronos.client import WebhookInvalid, verify_webhook

secrets = os.environ["KRONOS_SIGNING_SECRETS"].split()  # two while you replace one
done: set[str] = set()  # use your database: the same execution may arrive again


@csrf_exempt  # the signature authenticates the caller
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Do the work of an execution once."""
    try:
        webhook = verify_webhook(request.body, request.headers, secrets)
    except WebhookInvalid as error:
        return JsonResponse({"error": error.reason}, status=400)
    if webhook.execution_id not in done:
        done.add(webhook.execution_id)
    return JsonResponse({"done": webhook.execution_id})


urlpatterns = [path("hook", receive)]
if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"])
app = get_wsgi_application()
