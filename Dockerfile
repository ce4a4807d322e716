# lkdoctor for whoever runs it beside a LiveKit server:
#
#   docker build -t lkdoctor .
#   docker run --rm --network host -v "$PWD:/app:ro" --env-file .env lkdoctor diagnose

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/lkdoctor \
 && /opt/lkdoctor/bin/python -m pip install --no-cache-dir /wheels/*.whl

FROM python:3.13-slim
COPY --from=build /opt/lkdoctor /opt/lkdoctor
ENV PATH=/opt/lkdoctor/bin:$PATH
# Where an app's folder is mounted: its .env files are looked for here.
WORKDIR /app
# A number, so that Kubernetes sees that it is not root.
USER 65532:65532
ENTRYPOINT ["lkdoctor"]
CMD ["--help"]
