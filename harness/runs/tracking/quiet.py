"""MLflow, short and silent."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ENVIRONMENT = {
    # A server that is away should cost seconds, not the four minutes MLflow waits by default.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # Nor the hour after which a server may ask to come back.
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    # A connection that is kept would go on writing into a file that another has taken the place of.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_LOGGERS = ("mlflow", "alembic", "urllib3.connectionpool")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow short and silent; what the user has set stays, and afterwards all is as it was."""
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    levels: dict[str, int] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Importing sets the levels of its loggers, so they are only silenced after it.
            import mlflow  # noqa: F401

            for name in _LOGGERS:
                levels[name] = logging.getLogger(name).level
                logging.getLogger(name).setLevel(logging.CRITICAL)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name in added:
            os.environ.pop(name, None)
