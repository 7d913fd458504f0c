"""What notifications look like to those who take them: body templates over the input that every notification has
(docs/alerts.md)."""

from collections.abc import Mapping
from typing import Literal

from kronos.model import JsonObject

Shape = Literal["webhook", "slack", "pagerduty"]
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_BODIES: Mapping[Shape, JsonObject | None] = {
    "webhook": None,  # the input as it is
    # https://api.slack.com/messaging/webhooks: text alone is shown by those that take Slack's form, too
    "slack": {"text": "{{input.text}}"},
    # https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
    "pagerduty": {
        "routing_key": "{{secret.SECRET}}",
        "event_action": "{{input.event_action}}",
        "dedup_key": "{{input.dedup_key}}",
        "payload": {
            "summary": "{{input.text}}",
            "source": "{{input.workspace}}",
            "severity": "{{input.pagerduty_severity}}",
            "timestamp": "{{input.at}}",
            "custom_details": {"rule": "{{input.rule}}", "incidents": "{{input.incidents}}"},
        },
    },
}


def endpoint(shape: Shape, *, url: str, secret: str | None) -> JsonObject:
    """The body of PUT …/endpoints/{name}. `secret`: the name of the one that holds PagerDuty's routing key."""
    spec: JsonObject = {"url": url, "method": "POST"}
    template = _BODIES[shape]
    if template is not None:
        spec["body_template"] = {
            key: value.replace("SECRET", secret or "") if isinstance(value, str) else value
            for key, value in template.items()
        }
    return {"type": "HTTP", "spec": spec}
