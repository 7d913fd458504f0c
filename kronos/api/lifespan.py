"""What an API process holds from its start to its end: connections to PostgreSQL, and the tasks beside its requests."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from kronos import heartbeat
from kronos.api.call import Context
from kronos.api.keys import Keys
from kronos.api.live import Hub, ListenerBounds
from kronos.api.meter import ApiMeter
from kronos.api.metering import Metering
from kronos.api.ping_door import PingDoor
from kronos.api.renewal import Renewal
from kronos.api.sessions import Sessions
from kronos.config import Settings
from kronos.delivery.egress import EgressPolicy
from kronos.encryption import CurrentKeys, Keyring, KeySource
from kronos.pool import Pool
from kronos.records import dataclass
from kronos.replica import Replica

if TYPE_CHECKING:
    from kronos.api.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifespan:
    """Opens what the routes share when the server starts, and closes it when the server stops."""

    settings: Settings
    egress: EgressPolicy
    provider: "Provider | None"
    encryption_keys: CurrentKeys
    meter: ApiMeter
    metrics: socket.socket | None
    """The socket on which /metrics is served without a key."""

    @classmethod
    def of(
        cls, settings: Settings, keys: Keyring | None, *, meter: ApiMeter, metrics: socket.socket | None
    ) -> "Lifespan":
        """Return the lifespan of a process with these settings. `keys`: the encryption keys read at startup. Raises
        ValueError."""
        return cls(
            settings=settings,
            egress=EgressPolicy.parse(settings.egress_allow),
            provider=_provider(settings),
            encryption_keys=CurrentKeys(KeySource.of(settings), keys),
            meter=meter,
            metrics=metrics,
        )

    @asynccontextmanager
    async def run(self, app: FastAPI) -> AsyncIterator[None]:
        """Set `app.state` while the server runs. PostgreSQL may be unavailable all the while."""
        pool = Pool(
            self.settings.database_url.get_secret_value(),
            size=self.settings.database_pool_size,
            wait_seconds=self.settings.database_wait_seconds,
        )
        await pool.open(wait=False)
        replica = _replica(self.settings, pool)
        api_keys, hub = Keys(pool), Hub(pool, ListenerBounds.of(self.settings))
        app.state.context = Context(
            settings=self.settings,
            pool=pool,
            keys=api_keys,
            sessions=Sessions(pool, api_keys, self.provider),
            egress=self.egress,
            encryption_keys=self.encryption_keys,
            replica=replica,
            live=hub,
        )
        app.state.metering = Metering(pool, self.meter, self.settings)
        beside = [asyncio.create_task(each.run()) for each in (Renewal(pool), api_keys, PingDoor(pool))]
        if replica is not None:
            await replica.pool.open(wait=False)
            beside.append(asyncio.create_task(replica.watch()))
        try:
            async with heartbeat.beating(), app.state.metering.running(self.metrics):
                yield
        finally:
            await hub.close()
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            if replica is not None:
                await replica.pool.close(timeout=5)
            await pool.close(timeout=5)


def _replica(settings: Settings, primary: Pool) -> Replica | None:
    if settings.database_read_url is None:
        return None
    return Replica(
        settings.database_read_url.get_secret_value(),
        primary,
        size=settings.database_pool_size,
        max_lag_seconds=settings.read_max_lag_seconds,
    )


def _provider(settings: Settings) -> "Provider | None":
    """Return the identity provider, if one is configured. Raises ValueError."""
    if settings.oidc_issuer is None:
        return None
    from kronos.api.provider import Provider  # it loads Authlib, 3 MB that most processes do not need

    return Provider.of(settings)
