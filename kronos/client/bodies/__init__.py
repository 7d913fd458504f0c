"""Bodies that the API takes, as keywords and as dicts. Made by bin/client out of the API's document."""

from kronos.client.bodies.alerts import AlertRulePut, IncidentAcknowledge, IncidentSnooze
from kronos.client.bodies.apply import AlertCondition, AlertRuleCreate, AlertSelector, ApplyBody, JobFile, SecretRef
from kronos.client.bodies.backfills import BackfillCreate
from kronos.client.bodies.calendars import CalendarCreate, CalendarPut, Hours, NamedDay
from kronos.client.bodies.configs import ConfigCreate, ConfigPut
from kronos.client.bodies.dead_letters import LetterDiscard, LetterRedrive
from kronos.client.bodies.endpoints import (
    BrokerTls,
    EmailSpec,
    EndpointCreate,
    EndpointDisable,
    EndpointPut,
    EndpointRender,
    EndpointTest,
    HttpSpec,
    KafkaSpec,
    LimitsBody,
    RateBody,
    RedisStreamSpec,
    RetryPolicyBody,
    SaslBody,
)
from kronos.client.bodies.executions import ExecutionRetry
from kronos.client.bodies.heartbeats import HeartbeatCreate, HeartbeatPause, HeartbeatPut
from kronos.client.bodies.jobs import (
    Callback,
    CatchUp,
    FailureCallback,
    JobBatch,
    JobBulk,
    JobCreate,
    JobOperation,
    JobPatch,
    JobPause,
    JobSelection,
    JobSkipNext,
    TriggerRequest,
)
from kronos.client.bodies.keys import KeyCreate, KeyRotate, MappingCreate
from kronos.client.bodies.organizations import OrganizationCreate, OrganizationPatch
from kronos.client.bodies.payload_specs import PayloadSpecCreate, PayloadSpecPut
from kronos.client.bodies.retention import RetentionPut
from kronos.client.bodies.schedules import ClosedSchedulePreview, SchedulePreview, ScheduleSentence
from kronos.client.bodies.secrets import SecretCreate, SecretPut
from kronos.client.bodies.workspaces import QuotasPut, WorkspaceCreate, WorkspacePatch

__all__ = [
    "AlertCondition",
    "AlertRuleCreate",
    "AlertRulePut",
    "AlertSelector",
    "ApplyBody",
    "BackfillCreate",
    "BrokerTls",
    "CalendarCreate",
    "CalendarPut",
    "Callback",
    "CatchUp",
    "ClosedSchedulePreview",
    "ConfigCreate",
    "ConfigPut",
    "EmailSpec",
    "EndpointCreate",
    "EndpointDisable",
    "EndpointPut",
    "EndpointRender",
    "EndpointTest",
    "ExecutionRetry",
    "FailureCallback",
    "HeartbeatCreate",
    "HeartbeatPause",
    "HeartbeatPut",
    "Hours",
    "HttpSpec",
    "IncidentAcknowledge",
    "IncidentSnooze",
    "JobBatch",
    "JobBulk",
    "JobCreate",
    "JobFile",
    "JobOperation",
    "JobPatch",
    "JobPause",
    "JobSelection",
    "JobSkipNext",
    "KafkaSpec",
    "KeyCreate",
    "KeyRotate",
    "LetterDiscard",
    "LetterRedrive",
    "LimitsBody",
    "MappingCreate",
    "NamedDay",
    "OrganizationCreate",
    "OrganizationPatch",
    "PayloadSpecCreate",
    "PayloadSpecPut",
    "QuotasPut",
    "RateBody",
    "RedisStreamSpec",
    "RetentionPut",
    "RetryPolicyBody",
    "SaslBody",
    "SchedulePreview",
    "ScheduleSentence",
    "SecretCreate",
    "SecretPut",
    "SecretRef",
    "TriggerRequest",
    "WorkspaceCreate",
    "WorkspacePatch",
]
