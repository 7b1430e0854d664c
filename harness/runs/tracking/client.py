"""The connection to MLflow: where it is, how it is opened, and what its failures are called."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from harness.errors import UserError
from harness.runs.tracking.database import make_whole
from harness.runs.tracking.in_time import unhurried
from harness.runs.tracking.moved_files import follow
from harness.runs.tracking.pages import VIEW_TAG, page_tags
from harness.runs.tracking.place import (
    artifact_location,
    refuse_other_disk,
    sqlite_file,
    tracking_uri,
    without_password,
)
from harness.runs.tracking.quiet import quiet

if TYPE_CHECKING:
    from mlflow import MlflowClient


_MAX_VALUE = 500


@contextmanager
def open_client(out: Path) -> Iterator["MlflowClient"]:
    """An MLflow client for `out`, one process at a time, quiet; any failure inside becomes a `UserError`."""
    uri = tracking_uri(out)
    database = sqlite_file(uri)
    # Two processes must not migrate one database, nor each take the other's unfinished copy for an abandoned one.
    lock = FileLock(out / ".tracking.lock", timeout=120)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            opened.enter_context(quiet())
            with unhurried() if database else nullcontext():
                opened.enter_context(lock)
                if database:
                    make_whole(database)
                    follow(database)
            from mlflow import MlflowClient

            yield MlflowClient(uri)
    except UserError:
        raise
    except Exception as error:
        raise failure(error, out) from error


def failure(error: Exception, out: Path) -> UserError:
    """The error of a call to MLflow, in one line."""
    message = " ".join(str(error).split()) or type(error).__name__
    # Where a connection failed, only the innermost reason is of use.
    cause = re.search(r"\(Caused by \w+\(['\"](.+?)['\"]\)", message)
    return UserError(cut(without_password(f"MLflow at {tracking_uri(out)} failed: {cause[1] if cause else message}")))


def cut(text: str) -> str:
    """The text, or as much of it as MLflow keeps of a value."""
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def prepare_store(out: Path) -> dict[str, str]:
    """Make the tables of the store, or bring them up to date.

    Returns:
        The ids of the experiments that have a view of their own, by name.

    Raises:
        UserError: MLflow cannot be reached.
    """
    with open_client(out) as client:
        found = client.search_experiments(order_by=["name ASC"])
        return {one.name: str(one.experiment_id) for one in found if VIEW_TAG in one.tags}


def experiment_of(client: "MlflowClient", name: str, out: Path, metrics: Sequence[str] = ()) -> str:
    """The id of an experiment, which is made where it does not exist.

    Args:
        client: of `out`.
        name: of the experiment.
        out: the folder of run folders.
        metrics: those that its page shows as columns, by MLflow's names; what somebody has set for it stays.

    Raises:
        UserError: the files of its runs would lie where others do not find them.
    """
    uri = tracking_uri(out)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = artifact_location(uri, name)
        # Somebody else may make it at this moment.
        unless(
            lambda: client.create_experiment(name, artifact_location=location, tags=page_tags(metrics)),
            "RESOURCE_ALREADY_EXISTS",
        )
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
    refuse_other_disk(experiment.artifact_location, uri)
    for tag, value in page_tags(metrics).items():
        if tag not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return str(experiment.experiment_id)


def runs_of(client: "MlflowClient", experiment_id: str, tags: dict[str, str]) -> list[Any]:
    """All runs of an experiment that have these tags, oldest first."""
    filters = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], filters, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_name))


def unless(call: Callable[[], Any], *codes: str) -> Any:
    """What a call to MLflow returns; `None` where it fails with one of these error codes."""
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as error:
        if error.error_code in codes:
            return None
        raise
