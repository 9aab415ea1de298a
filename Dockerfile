# The simulator alone: docker build --target simulator --tag wear-sim .
# docker run --rm --publish 127.0.0.1:8100:8100 wear-sim --control-token let-me-in --webhook-url http://host.docker.internal:3000/webhook
FROM python:3.13-slim AS simulator
WORKDIR /app
COPY requirements.lock .
# Of the locked packages, with their hashes, those that the simulator needs.
RUN awk '/^[a-z]/ {keep = /^(anyio|click|h11|httpcore2|httptools|httpx2|idna|orjson|starlette|truststore|typing-extensions|uvicorn)==/} keep' \
      requirements.lock > simulator.lock \
    && pip install --no-cache-dir --root-user-action=ignore --require-hashes --requirement simulator.lock \
    && pip check
COPY src/wearbase_sim wearbase_sim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65534:65534
EXPOSE 8100
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8100/control/health', timeout=2)"]
ENTRYPOINT ["python", "-m", "wearbase_sim", "--host", "0.0.0.0"]

# The service: docker build --tag wearbase .   Then: compose.yaml, or
# docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --env-file ... --publish 127.0.0.1:8000:8000 wearbase
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml LICENSE ./
RUN python -m venv /opt/wearbase \
    && /opt/wearbase/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.lock
COPY src src
RUN /opt/wearbase/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/wearbase/bin/pip check \
    && /opt/wearbase/bin/pip uninstall --yes hatchling editables pathspec pluggy trove-classifiers

FROM python:3.13-slim AS service
RUN groupadd --gid 10001 wearbase \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin wearbase \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/wearbase /opt/wearbase
ENV PATH=/opt/wearbase/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
ENTRYPOINT ["wear"]
CMD ["api"]
