"""Body templates that turn a notification into the format of its receiver. They read the input that every notification
has (docs/alerts.md)."""

from collections.abc import Mapping
from typing import Literal

from kronos.model import JsonObject

Shape = Literal["webhook", "slack", "pagerduty"]
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_BODIES: Mapping[Shape, JsonObject | None] = {
    "webhook": None,  # the input unchanged
    # https://api.slack.com/messaging/webhooks: `text` alone also works with other services that accept Slack's format
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
    """Return the body of PUT …/endpoints/{name}. `secret`: the name of the secret with PagerDuty's routing key."""
    spec: JsonObject = {"url": url, "method": "POST"}
    template = _BODIES[shape]
    if template is not None:
        spec["body_template"] = {
            key: value.replace("SECRET", secret or "") if isinstance(value, str) else value
            for key, value in template.items()
        }
    return {"type": "HTTP", "spec": spec}
