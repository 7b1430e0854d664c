# Does what `tox` does: `docker build -t lbar . && docker run --rm lbar`, or `docker run --rm lbar tox -e eval`.
FROM python:3.11-slim-bookworm

# The distribution's release fixes the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium ffmpeg git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 lbar

USER 1000
WORKDIR /home/lbar/repository
ENV PATH=/home/lbar/.local/bin:$PATH
RUN python -m pip install --no-cache-dir "tox>=4.23"
COPY --chown=lbar:lbar . .
CMD ["tox"]
