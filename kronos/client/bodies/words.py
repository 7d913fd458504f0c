"""Words of the API. A newer one may say others. Made by bin/client out of the API's document."""

from typing import Literal

JobStatus = Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED"]
JobTrigger = Literal["IMMEDIATE", "DELAYED", "CRON"]
ExecutionStatus = Literal[
    "PENDING", "QUEUED", "RUNNING", "RETRYING", "SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"
]
ExecutionCause = Literal["SCHEDULE", "API", "MANUAL", "BACKFILL", "CATCH_UP"]
AttemptStatus = Literal["RUNNING", "SUCCESS", "FAILED", "TIMED_OUT", "UNKNOWN", "LOST"]
EndpointType = Literal["HTTP", "KAFKA", "REDIS_STREAM", "EMAIL", "INTERNAL"]
TickDisposition = Literal[
    "DELIVERED",
    "LATE",
    "RUNNING",
    "WAITING",
    "FAILED",
    "MISSED",
    "EXPIRED",
    "CANCELLED",
    "SKIPPED",
    "PAUSED",
    "OVERDUE",
    "UPCOMING",
    "TO_BE_SKIPPED",
    "UNACCOUNTED",
    "UNKNOWN",
    "ERROR",
]
TickDecision = Literal[
    "RAN",
    "RUNNING",
    "WAITING",
    "WILL_RUN",
    "WILL_BE_SKIPPED",
    "NOT_DUE",
    "SKIPPED",
    "MISSED",
    "FAILED",
    "CANCELLED",
    "OVERDUE",
    "UNACCOUNTED",
    "UNKNOWN",
    "ERROR",
]
OperationKind = Literal["REDRIVE", "DISCARD", "PAUSE", "RESUME", "CANCEL", "TRIGGER", "DELETION"]
OperationStatus = Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]
WorkspaceRole = Literal["viewer", "operator", "admin"]
WorkspaceStatus = Literal["ACTIVE", "SUSPENDED", "DELETED"]
Overlap = Literal["ALLOW", "SKIP", "QUEUE", "REPLACE"]
DstGap = Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
DstOverlap = Literal["FIRST", "BOTH"]
BulkAction = Literal["pause", "resume", "cancel", "trigger"]
IncidentStatus = Literal["OPEN", "ACKNOWLEDGED", "RESOLVED"]
AlertSeverity = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]
