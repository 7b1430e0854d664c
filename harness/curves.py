"""The curves of a training, mirrored into MLflow epoch by epoch, in a run that a resumed training goes on with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.tracking import open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "training"
_KEY = "lbar.training"


@dataclass(frozen=True, slots=True)
class Curves:
    """Where the curves of one training go.

    Attributes:
        out: the folder of run folders, whose MLflow store is used unless the user has another server.
        name: of the system.
        key: what tells this training from every other: its digest.
        params: what decides it, for MLflow's own table.
    """

    out: Path
    name: str
    key: str
    params: Mapping[str, str]

    def try_log(self, epoch: int, metrics: Mapping[str, float]) -> str | None:
        """Log an epoch; a failure is one line to show and never an exception: the training is what counts.

        Args:
            epoch: counted from 1; one that was logged before is logged again.
            metrics: by name, without `@`.
        """
        try:
            with open_client(self.out) as client:
                run = self._run(client)
                for name, value in metrics.items():
                    client.log_metric(run, name, value, step=epoch)
        except UserError as error:
            return f"{error}; the curves are in the training's own record as well"
        return None

    def _run(self, client: "MlflowClient") -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT)
        runs = client.search_runs([experiment], f"tags.`{_KEY}` = '{self.key}'", max_results=1)
        if runs:
            return str(runs[0].info.run_id)
        run = client.create_run(experiment, run_name=self.name, tags={_KEY: self.key})
        for name, value in self.params.items():
            client.log_param(run.info.run_id, name, value[:500])
        return str(run.info.run_id)
