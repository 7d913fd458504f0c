"""Errors for alert rules and incidents that do not exist."""

from kronos.errors import NotFound


class AlertRuleNotFound(NotFound):
    """No such alert rule in this workspace."""

    code = "alert_rule_not_found"


class IncidentNotFound(NotFound):
    """No such incident in this workspace."""

    code = "incident_not_found"
