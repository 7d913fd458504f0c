"""The resources of the API. Made by bin/client."""

from kronos.client._sync.resources.alert_rules import AlertRulesResource
from kronos.client._sync.resources.audit import AuditResource
from kronos.client._sync.resources.backfills import BackfillsResource
from kronos.client._sync.resources.calendars import CalendarsResource
from kronos.client._sync.resources.configs import ConfigsResource
from kronos.client._sync.resources.dead_letters import DeadLettersResource
from kronos.client._sync.resources.endpoints import EndpointsResource
from kronos.client._sync.resources.executions import ExecutionsResource
from kronos.client._sync.resources.files import FilesResource
from kronos.client._sync.resources.heartbeats import HeartbeatsResource
from kronos.client._sync.resources.incidents import IncidentsResource
from kronos.client._sync.resources.instance_audit import InstanceAuditResource
from kronos.client._sync.resources.jobs import JobsResource
from kronos.client._sync.resources.keys import KeysResource
from kronos.client._sync.resources.me import MeResource
from kronos.client._sync.resources.operations import OperationsResource
from kronos.client._sync.resources.organizations import OrganizationsResource
from kronos.client._sync.resources.overview import OverviewResource
from kronos.client._sync.resources.payload_specs import PayloadSpecsResource
from kronos.client._sync.resources.quotas import QuotasResource
from kronos.client._sync.resources.retention import RetentionResource
from kronos.client._sync.resources.role_mappings import RoleMappingsResource
from kronos.client._sync.resources.schedules import SchedulesResource
from kronos.client._sync.resources.secrets import SecretsResource
from kronos.client._sync.resources.system import SystemResource
from kronos.client._sync.resources.workspaces import WorkspacesResource
from kronos.client._sync.transport import Transport


class WorkspaceResources:
    """What a workspace has."""

    def __init__(self, transport: Transport, base: tuple[str, ...]) -> None:
        self.jobs = JobsResource(transport, base)
        self.operations = OperationsResource(transport, base)
        self.executions = ExecutionsResource(transport, base)
        self.backfills = BackfillsResource(transport, base)
        self.dead_letters = DeadLettersResource(transport, base)
        self.overview = OverviewResource(transport, base)
        self.heartbeats = HeartbeatsResource(transport, base)
        self.endpoints = EndpointsResource(transport, base)
        self.calendars = CalendarsResource(transport, base)
        self.configs = ConfigsResource(transport, base)
        self.payload_specs = PayloadSpecsResource(transport, base)
        self.secrets = SecretsResource(transport, base)
        self.files = FilesResource(transport, base)
        self.keys = KeysResource(transport, base)
        self.quotas = QuotasResource(transport, base)
        self.role_mappings = RoleMappingsResource(transport, base)
        self.retention = RetentionResource(transport, base)
        self.alert_rules = AlertRulesResource(transport, base)
        self.incidents = IncidentsResource(transport, base)
        self.audit = AuditResource(transport, base)


class InstanceResources:
    """What the instance has."""

    def __init__(self, transport: Transport, base: tuple[str, ...]) -> None:
        self.system = SystemResource(transport, base)
        self.workspaces = WorkspacesResource(transport, base)
        self.organizations = OrganizationsResource(transport, base)
        self.me = MeResource(transport, base)
        self.audit = InstanceAuditResource(transport, base)
        self.schedules = SchedulesResource(transport, base)
