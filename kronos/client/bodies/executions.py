"""What the API takes: executions. Made by bin/client out of the API's document."""

from typing import Literal, TypedDict


class ExecutionRetry(TypedDict, total=False):
    """Which endpoint version a retried execution is delivered to."""

    endpoint_version: Literal["latest", "same"]
    """latest: the endpoint as it is now. same: the version that the execution used before."""
