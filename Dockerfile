# One image for every process: `docker run framelog services.api`, or services.analyzer, services.projector, …; the command
# line is in it too: `docker run --entrypoint framelog framelog --help`. docs/containers.md tells how it is built.
FROM python:3.11.14-slim-trixie AS python
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1


# Exactly what the lock names, by hash, into an environment without pip; then this package, built by what that holds.
FROM python AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/opt/framelog/bin/python
RUN python -m venv --without-pip /opt/framelog
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY adapters adapters
COPY migrations migrations
COPY services services
COPY deploy deploy
COPY cli cli
RUN pip install --no-deps --no-build-isolation .


# Every check and every test on real servers, inside: `docker build --target test .`, then `docker run` what it made.
FROM python AS test
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends golang-go make maven openjdk-21-jre-headless postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 framelog
USER 10001
WORKDIR /home/framelog/src
COPY --chown=10001:10001 . .
RUN make check
CMD ["make", "test"]


FROM python AS framelog
LABEL org.opencontainers.image.title="Framelog" \
      org.opencontainers.image.description="An event-sourced image platform: Kafka holds the truth." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="python:3.11.14-slim-trixie"
RUN pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
 && install --directory --owner=10001 --group=10001 /var/lib/framelog /models
COPY --from=build /opt/framelog /opt/framelog
COPY LICENSE THIRD_PARTY.md /usr/share/doc/framelog/
# Nothing is imported from where it happens to be started.
ENV PATH=/opt/framelog/bin:$PATH PYTHONSAFEPATH=1
ENV FRAMELOG_HOST=0.0.0.0 FRAMELOG_INFER_HOST=0.0.0.0 FRAMELOG_HOME=/var/lib/framelog FRAMELOG_MODELS=/models
USER 10001:10001
WORKDIR /
EXPOSE 8000 8010 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m"]
CMD ["services.api"]
