"""The curves of a training, logged to MLflow epoch by epoch, in one run that a resumed training continues.

The trainings of a grid are nested in a run of the grid.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.runs.tracking.client import cut, experiment_of, open_client, runs_of
from harness.runs.tracking.in_time import in_time, tracking_seconds

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "training"
_KEY = "lbar.training"
_PARENT = "mlflow.parentRunId"
_BEST = "best_validation_mAP_at_10"

_LOST: dict[str, float] = defaultdict(float)
"""Seconds that failed attempts have taken, by the key of the training."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Where the curves of one training go.

    Attributes:
        out: the folder of run folders, whose MLflow store is used unless the user has another server.
        name: the system's name.
        key: identifies this training among all others: its digest.
        params: what decides the training, for MLflow's own table.
    """

    out: Path
    name: str
    key: str
    params: Mapping[str, str]

    def try_log(self, epoch: int, metrics: Mapping[str, float]) -> str | None:
        """Log an epoch; a failure is returned as one line to show and never raised: the training is what counts.

        Args:
            epoch: counted from 1; one that was logged before is logged again.
            metrics: by name, without `@`.
        """
        return self._try(partial(self._log, epoch, metrics), "the curves are in the training's own record as well")

    def try_nest(self, inner: str, reached: float) -> str | None:
        """Nest the run of another training in this one, which is a grid's.

        Args:
            inner: the key of that training.
            reached: its mAP@10 on the validation split; the run of the grid shows the highest of all its trainings.

        Returns:
            A line to show where it failed.
        """
        safe = "what each combination reached is in the grid's own record as well"
        return self._try(partial(self._nest, inner, reached), safe)

    def _try(self, call: Callable[[], None], safe: str) -> str | None:
        """Call in time: all that fails for one training may together take as long as the tracking of a run."""
        begun = time.monotonic()
        try:
            left = tracking_seconds() - _LOST[self.key]
            if left > 0:
                in_time(call, self.out, left)
        except UserError as error:
            _LOST[self.key] += time.monotonic() - begun
            return f"{error}; {safe}"
        return None

    def _log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        with open_client(self.out) as client:
            run = self._run(client)
            for name, value in metrics.items():
                client.log_metric(run, name, value, step=epoch)

    def _nest(self, inner: str, reached: float) -> None:
        with open_client(self.out) as client:
            outer = self._run(client)
            for run in self._runs(client, inner):
                client.set_tag(run.info.run_id, _PARENT, outer)
            best = client.get_run(outer).data.metrics.get(_BEST, reached)
            client.log_metric(outer, _BEST, max(best, reached))

    def _run(self, client: "MlflowClient") -> str:
        if runs := self._runs(client, self.key):
            return str(runs[0].info.run_id)
        run = client.create_run(self._experiment(client), run_name=self.name, tags={_KEY: self.key})
        for name, value in self.params.items():
            client.log_param(run.info.run_id, name, cut(value))
        return str(run.info.run_id)

    def _runs(self, client: "MlflowClient", key: str) -> list[Any]:
        return runs_of(client, self._experiment(client), {_KEY: key})

    def _experiment(self, client: "MlflowClient") -> str:
        return experiment_of(client, EXPERIMENT, self.out, [_BEST])
