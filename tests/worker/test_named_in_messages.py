"""Values in templates of messages: config, job, execution and tick, of the version at the execution's creation or of
the latest; secrets, as they are at delivery; and tests of endpoints that are streams and topics."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest

from conftest import Api
from delivery.kafka_mock import IS_MISSING, MockCluster
from delivery.kafka_mock import MISSING as NO_KAFKA
from delivery.redis_server import BINARY, RedisProcess
from delivery.redis_server import MISSING as NO_REDIS
from sql_factory import records
from worker.running import Worker, until
from worker.test_versions_and_templates import BODY, call

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason=NO_REDIS),
    pytest.mark.skipif(IS_MISSING, reason=NO_KAFKA),
]
USES = {"kept": "snapshot", "newest": "latest"}
SECRETS = {"pw": "canary-password", "token": "canary-token"}
TOLD = BODY | {"token": "{{secret.token}}"}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    made = RedisProcess(tmp_path, "--requirepass", SECRETS["pw"]).start()
    yield made
    made.stop()


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster(1) as made:
        for name in USES:
            made.topic(name)
        yield made


def endpoints(redis: RedisProcess, cluster: MockCluster) -> dict[str, dict[str, Any]]:
    """A stream and a topic for each use, with the use as their name."""
    made = {}
    for name, use in USES.items():
        stream = {"redis_url": redis.url, "stream": name, "fields_template": TOLD, "password": "{{secret.pw}}"}
        topic = {"bootstrap_servers": cluster.bootstrap, "topic": name, "value_template": TOLD}
        topic |= {"key_template": "{{job.name}}", "headers": {"region": "{{config.region}}"}}
        made[f"stream-{name}"] = {"type": "REDIS_STREAM", "config": "c", "use": use, "spec": stream}
        made[f"topic-{name}"] = {"type": "KAFKA", "config": "c", "use": use, "spec": topic}
    return made


def make(client: httpx.Client, base: str, named: dict[str, dict[str, Any]]) -> None:
    """Create a run of each, and then another config and other secrets, before anything is delivered."""
    for name in SECRETS:
        client.put(f"{base}/secrets/{name}", json={"value": "the value before"}).raise_for_status()
    client.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}}).raise_for_status()
    for name, endpoint in named.items():
        client.put(f"{base}/endpoints/{name}", json=endpoint).raise_for_status()
        cron = {"endpoint": name, "trigger": "CRON", "cron": "0 0 1 1 *", "timezone": "Asia/Kolkata", "name": name}
        client.post(f"{base}/jobs", json=cron | {"input": {"n": 7}}).raise_for_status()
        client.post(f"{base}/jobs/{name}/trigger").raise_for_status()
    client.put(f"{base}/configs/c", json={"values": {"region": "us"}}).raise_for_status()
    for name, value in SECRETS.items():
        client.put(f"{base}/secrets/{name}", json={"value": value}).raise_for_status()


async def test_messages_name_what_they_are_of_and_keep_their_version(
    own_api: Api,
    own_workspace: str,
    superuser: psycopg.Connection,
    start: Callable[..., Worker],
    redis: RedisProcess,
    cluster: MockCluster,
    tmp_path: Path,
) -> None:
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    await asyncio.to_thread(make, client, base, endpoints(redis, cluster))
    worker = start(encryption_key_file=tmp_path / "encryption.key")
    await worker.started()
    ended = "select * from kronos.attempts where status = 'SUCCESS'"
    await until(lambda: len(records(superuser, ended)) == 4, "the deliveries")

    for name, region, version in (("kept", "eu", 1), ("newest", "us", 2)):
        ((_, fields),) = redis.entries(name, password=SECRETS["pw"])
        (record,) = cluster.records(name, 1)
        headers = {key: value.decode() for key, value in record.headers()}
        value = orjson.loads(record.value())
        for told, job in ((fields, f"stream-{name}"), (value, f"topic-{name}")):
            assert (told["region"], told["text"]) == (region, f"{region} 7")
            assert (str(told["n"]), str(told["attempt"])) == ("7", "1")
            assert (told["job"], told["cause"], told["token"]) == (job, "MANUAL", SECRETS["token"])
            assert told["local"].endswith("+05:30")
            assert datetime.fromisoformat(told["local"]) == datetime.fromisoformat(told["at"])
            execution = client.get(f"{base}/executions/{told['execution']}").json()
            assert (execution["job_id"], execution["status"]) == (told["job_id"], "SUCCESS")
            (attempt,) = client.get(f"{base}/executions/{told['execution']}/attempts").json()["data"]
            assert (attempt["status"], attempt["endpoint_version"]) == ("SUCCESS", version)
        assert (record.key().decode(), headers["region"]) == (f"topic-{name}", region)

    for name, place in (("stream-kept", "entry_id"), ("topic-kept", "offset")):
        tried = await call(client, "POST", f"{base}/endpoints/{name}/test", json={"input": {"n": 8}})
        execution = tried.json()["execution"]
        assert (tried.status_code, execution["status"], place in execution["output"]) == (200, "SUCCESS", True)
        assert tried.json()["attempt"]["request"]["type"] in ("REDIS_STREAM", "KAFKA")
    assert cluster.records("kept", 2)[1].key() is None  # the key is the job's name, and a test has no job
    stored = records(superuser, "select to_jsonb(attempt)::text as text from kronos.attempts as attempt")
    assert len(stored) == 6
    assert not any("canary" in each["text"] for each in stored)
    assert "canary" not in worker.log
