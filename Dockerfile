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
