# Two images. `kronos`, the last stage: migrate, serve, worker and every other command, as a user that owns nothing, on a
# file system that may be read-only. `database`: PostgreSQL 17 with pg_cron 1.6, for those who have none (docker-compose.yml).
#   docker build -t kronos .
#   docker build -t kronos-database --target database .
# What is in the first: /usr/share/kronos/python.cdx.json (CycloneDX), /usr/share/kronos/debian.txt.

# The dashboard's scripts, as npm has them: the stage has a network and npm, the image neither.
FROM debian:trixie-slim AS scripts
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /scripts
COPY kronos/dashboard/package.json kronos/dashboard/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The environment, and the list of what it has: pip and the tools that list are in neither image.
FROM debian:trixie-slim AS environment
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends binutils ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv --without-pip /opt/kronos \
    && python3 -m venv /opt/pip \
    && /opt/pip/bin/pip --python /opt/kronos/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements.lock \
    # What debuggers read of compiled modules: a tenth of the image. Libraries that wheels bring are left as they are.
    && find /opt/kronos -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY requirements-audit.lock ./
RUN python3 -m venv /opt/audit \
    && /opt/audit/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-audit.lock
COPY pyproject.toml README.md ./
COPY alembic alembic
COPY sql sql
COPY kronos kronos
COPY --from=scripts /scripts/node_modules kronos/dashboard/node_modules
RUN /opt/pip/bin/pip --python /opt/kronos/bin/python install --no-cache-dir --disable-pip-version-check --no-deps \
        --no-build-isolation . \
    # What made the wheel, what packages test themselves with, and what compiled modules were made of.
    && /opt/pip/bin/pip --python /opt/kronos/bin/python uninstall --yes --quiet \
        editables hatchling pathspec pluggy trove-classifiers \
    && find /opt/kronos/lib/python3*/site-packages -mindepth 2 -type d '(' -name test -o -name tests ')' \
        -not -path '*/kronos/*' -prune -exec rm -r {} + \
    && find /opt/kronos/lib/python3*/site-packages -type f \
        '(' -name '*.c' -o -name '*.h' -o -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' ')' -delete \
    && mkdir /listed \
    && /opt/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
        -o /listed/python.cdx.json /opt/kronos/bin/python

FROM debian:trixie-slim AS base
# tzdata-legacy: the names that tzdata keeps for old times, such as US/Eastern, which many jobs have.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates python3 tzdata tzdata-legacy \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt \
    && useradd --system --no-create-home --home-dir /nonexistent --uid 10001 kronos \
    && install -d -o kronos -g kronos -m 700 /var/lib/kronos/admin /var/lib/kronos/encryption
COPY --from=environment /opt/kronos /opt/kronos
ENV PATH=/opt/kronos/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /

FROM base AS database
# plpgsql-check: the tests that read the bodies of SQL functions run against this image too (bin/test --containers).
# createcluster.d: the server package makes no cluster of its own; the command makes one in its volume.
RUN mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/kronos.conf \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        postgresql-17 postgresql-17-cron postgresql-17-plpgsql-check \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres -m 700 /var/lib/kronos-database
USER postgres
VOLUME /var/lib/kronos-database
EXPOSE 5432
# A fast shutdown; SIGTERM would wait for every session to leave.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=5 \
    CMD ["/usr/lib/postgresql/17/bin/pg_isready", "-q", "-h", "127.0.0.1"]
ENTRYPOINT ["python3", "-P", "-m", "kronos.embedded.container", "/var/lib/kronos-database"]

FROM base AS kronos
RUN dpkg-query -W > /tmp/debian.txt && install -D -m 644 /tmp/debian.txt /usr/share/kronos/debian.txt && rm /tmp/debian.txt
COPY --from=environment /listed/python.cdx.json /usr/share/kronos/
USER 10001:10001
# The API answers on its port, a worker on its port of metrics: the event loop goes round, whatever the database does.
ENV KRONOS_HOST=0.0.0.0 KRONOS_PORT=8080 KRONOS_METRICS_HOST=0.0.0.0 KRONOS_METRICS_PORT=9464
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python3", "-P", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/healthz', timeout=2)"]
ENTRYPOINT ["kronos"]
CMD ["--help"]
