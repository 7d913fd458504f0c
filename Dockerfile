# Two images. `kronos`, the last stage, has migrate, serve, worker and every other command. It runs as an unprivileged user,
# and its file system may be read-only. `database` is PostgreSQL 17 with pg_cron 1.6, if you have none (docker-compose.yml).
#   docker build -t kronos .
#   docker build -t kronos-database --target database .
# Contents of the first: /usr/share/kronos/python.cdx.json (CycloneDX), /usr/share/kronos/debian.txt.

# The dashboard's scripts, installed with npm. Only this stage has npm; the image does not.
FROM debian:trixie-slim AS scripts
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /scripts
COPY kronos/dashboard/package.json kronos/dashboard/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The Python environment and the list of its contents. pip and the listing tools are in neither image.
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
    # Strip debug symbols of compiled modules, a tenth of the image. Libraries bundled in wheels stay as they are.
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
    # Remove build tools, the packages' own tests, and the sources of compiled modules.
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
# tzdata-legacy: old zone names that tzdata keeps, such as US/Eastern, which many jobs use.
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
# plpgsql-check: tests that check the bodies of SQL functions also run against this image (bin/test --containers).
# createcluster.d: the server package creates no cluster; the entry point creates one in its volume.
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
# SIGINT is a fast shutdown; SIGTERM would wait for every session to end.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=5 \
    CMD ["/usr/lib/postgresql/17/bin/pg_isready", "-q", "-h", "127.0.0.1"]
ENTRYPOINT ["python3", "-P", "-m", "kronos.embedded.container", "/var/lib/kronos-database"]

FROM base AS kronos
RUN dpkg-query -W > /tmp/debian.txt && install -D -m 644 /tmp/debian.txt /usr/share/kronos/debian.txt && rm /tmp/debian.txt
COPY --from=environment /listed/python.cdx.json /usr/share/kronos/
USER 10001:10001
# Both processes answer /healthz on the metrics port while their event loop runs, whatever the state of the database.
ENV KRONOS_HOST=0.0.0.0 KRONOS_PORT=8080 KRONOS_METRICS_HOST=0.0.0.0 KRONOS_METRICS_PORT=9464
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python3", "-P", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/healthz', timeout=2)"]
ENTRYPOINT ["kronos"]
CMD ["--help"]
