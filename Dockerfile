# SPDX-License-Identifier: Apache-2.0
# One image for all programs. `docker compose` chooses which one a container runs.
ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        build-essential pkg-config libmicrohttpd-dev libpq-dev libhiredis-dev libnats-dev libcjson-dev \
        libjwt-dev libargon2-dev libzxcvbn-dev libcurl4-openssl-dev libssl-dev zlib1g-dev libtorrent-rasterbar-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make -j"$(nproc)" build && strip build/bin/*

FROM ${DEBIAN}
ARG VERSION=dev
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="Sokoul" \
      org.opencontainers.image.description="Self-hosted media automation: API, workers and sokoulctl" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates libmicrohttpd12 libpq5 libhiredis0.14 libnats3.4 libcjson1 libjwt0 libargon2-1 libzxcvbn0 libcurl4 \
        libssl3 zlib1g libtorrent-rasterbar2.0 \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* \
    && groupadd --gid 10001 sokoul \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/sokoul --no-create-home --shell /usr/sbin/nologin sokoul \
    && install -d -o sokoul -g sokoul /var/lib/sokoul /var/lib/sokoul/downloads /var/lib/sokoul/library
COPY --from=build /src/build/bin/ /usr/local/bin/
COPY deploy/compose/healthcheck /usr/local/bin/sokoul-healthcheck
# One dead name server must not hold up the answers of the others.
ENV RES_OPTIONS="timeout:2 attempts:1"
USER 10001:10001
WORKDIR /var/lib/sokoul
STOPSIGNAL SIGTERM
EXPOSE 3000 6881 9101 9102
# Two attempts of 2 s each end within the timeout.
HEALTHCHECK --interval=30s --timeout=5s --retries=3 --start-period=30s \
    CMD ["sokoulctl", "healthcheck", "--timeout", "2"]
CMD ["sokoul-api"]
