"""The resources of the API. Made by bin/client."""

from kronos.client._async.resources.alert_rules import AsyncAlertRulesResource
from kronos.client._async.resources.audit import AsyncAuditResource
from kronos.client._async.resources.backfills import AsyncBackfillsResource
from kronos.client._async.resources.calendars import AsyncCalendarsResource
from kronos.client._async.resources.configs import AsyncConfigsResource
from kronos.client._async.resources.dead_letters import AsyncDeadLettersResource
from kronos.client._async.resources.endpoints import AsyncEndpointsResource
from kronos.client._async.resources.executions import AsyncExecutionsResource
from kronos.client._async.resources.files import AsyncFilesResource
from kronos.client._async.resources.heartbeats import AsyncHeartbeatsResource
from kronos.client._async.resources.incidents import AsyncIncidentsResource
from kronos.client._async.resources.instance_audit import AsyncInstanceAuditResource
from kronos.client._async.resources.jobs import AsyncJobsResource
from kronos.client._async.resources.keys import AsyncKeysResource
from kronos.client._async.resources.me import AsyncMeResource
from kronos.client._async.resources.operations import AsyncOperationsResource
from kronos.client._async.resources.organizations import AsyncOrganizationsResource
from kronos.client._async.resources.overview import AsyncOverviewResource
from kronos.client._async.resources.payload_specs import AsyncPayloadSpecsResource
from kronos.client._async.resources.quotas import AsyncQuotasResource
from kronos.client._async.resources.retention import AsyncRetentionResource
from kronos.client._async.resources.role_mappings import AsyncRoleMappingsResource
from kronos.client._async.resources.schedules import AsyncSchedulesResource
from kronos.client._async.resources.secrets import AsyncSecretsResource
from kronos.client._async.resources.system import AsyncSystemResource
from kronos.client._async.resources.workspaces import AsyncWorkspacesResource
from kronos.client._async.transport import AsyncTransport


class AsyncWorkspaceResources:
    """What a workspace has."""

    def __init__(self, transport: AsyncTransport, base: tuple[str, ...]) -> None:
        self.jobs = AsyncJobsResource(transport, base)
        self.operations = AsyncOperationsResource(transport, base)
        self.executions = AsyncExecutionsResource(transport, base)
        self.backfills = AsyncBackfillsResource(transport, base)
        self.dead_letters = AsyncDeadLettersResource(transport, base)
        self.overview = AsyncOverviewResource(transport, base)
        self.heartbeats = AsyncHeartbeatsResource(transport, base)
        self.endpoints = AsyncEndpointsResource(transport, base)
        self.calendars = AsyncCalendarsResource(transport, base)
        self.configs = AsyncConfigsResource(transport, base)
        self.payload_specs = AsyncPayloadSpecsResource(transport, base)
        self.secrets = AsyncSecretsResource(transport, base)
        self.files = AsyncFilesResource(transport, base)
        self.keys = AsyncKeysResource(transport, base)
        self.quotas = AsyncQuotasResource(transport, base)
        self.role_mappings = AsyncRoleMappingsResource(transport, base)
        self.retention = AsyncRetentionResource(transport, base)
        self.alert_rules = AsyncAlertRulesResource(transport, base)
        self.incidents = AsyncIncidentsResource(transport, base)
        self.audit = AsyncAuditResource(transport, base)


class AsyncInstanceResources:
    """What the instance has."""

    def __init__(self, transport: AsyncTransport, base: tuple[str, ...]) -> None:
        self.system = AsyncSystemResource(transport, base)
        self.workspaces = AsyncWorkspacesResource(transport, base)
        self.organizations = AsyncOrganizationsResource(transport, base)
        self.me = AsyncMeResource(transport, base)
        self.audit = AsyncInstanceAuditResource(transport, base)
        self.schedules = AsyncSchedulesResource(transport, base)
