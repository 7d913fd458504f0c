# One image for every part: `database` (PostgreSQL 17 with pg_cron 1.6), and any command of kronos: migrate, serve, worker.
# What it has in it: /usr/share/kronos/python.cdx.json (CycloneDX), /usr/share/kronos/debian.txt.

# The dashboard's scripts, as npm has them: the stage has a network and npm, the image neither.
FROM debian:trixie-slim AS scripts
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /scripts
COPY kronos/dashboard/package.json kronos/dashboard/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM debian:trixie-slim AS kronos

# tzdata-legacy: the names that tzdata keeps for old times, such as US/Eastern, which many jobs have.
# plpgsql-check: the tests that read the bodies of SQL functions run against this image too.
# createcluster.d: the server package makes no cluster of its own; `database` makes one in its volume.
RUN mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/kronos.conf \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates postgresql-17 postgresql-17-cron postgresql-17-plpgsql-check python3 python3-venv tzdata tzdata-legacy \
    && rm -rf /var/lib/apt/lists/*

ENV PATH=/opt/kronos/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/kronos
COPY requirements.lock ./
RUN python3 -m venv /opt/kronos \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY alembic alembic
COPY sql sql
COPY kronos kronos
COPY --from=scripts /scripts/node_modules kronos/dashboard/node_modules
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && useradd --system --create-home --home-dir /var/lib/kronos --uid 10001 kronos \
    && chmod 755 /var/lib/kronos
COPY bin/container /usr/local/bin/kronos-container

# The tools that list it are in a stage of their own: nothing of them is in the image.
FROM kronos AS listed
COPY requirements-audit.lock ./
RUN python3 -m venv /tmp/audit \
    && /tmp/audit/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-audit.lock \
    && mkdir /listed \
    && /tmp/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
        -o /listed/python.cdx.json /opt/kronos/bin/python \
    && dpkg-query -W > /listed/debian.txt

FROM kronos
COPY --from=listed /listed/ /usr/share/kronos/

VOLUME ["/var/lib/kronos-database", "/var/lib/kronos"]
EXPOSE 5432 8080
ENTRYPOINT ["kronos-container"]
CMD ["--help"]
