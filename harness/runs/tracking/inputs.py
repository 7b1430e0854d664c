"""The data set and the system of an evaluation as MLflow's own entities, to which the metrics of its run belong."""

import json
import re
from typing import TYPE_CHECKING

from harness.runs.records import EvaluationRecord
from harness.runs.tracking.client import cut
from harness.runs.tracking.values import dotted

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SYSTEM = "lbar.system"


def log_inputs(client: "MlflowClient", run_id: str, experiment_id: str, record: EvaluationRecord) -> dict[str, str]:
    """Log data set and system as inputs of a run, and return the fields by which a metric belongs to them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput

    dataset = Dataset(
        name=f"{record.dataset.name}-{record.dataset.split}",
        # MLflow keeps 36 characters of a digest.
        digest=record.dataset.digest[:36],
        source_type="lbar",
        source=json.dumps({"name": record.dataset.name, "split": record.dataset.split}),
        profile=json.dumps({"clips": record.dataset.clips, "queries": record.dataset.queries}),
    )
    model_id = _model(client, run_id, experiment_id, record)
    used = DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])
    client.log_inputs(run_id, datasets=[used], models=[LoggedModelInput(model_id)])
    of_dataset = {"dataset_name": dataset.name, "dataset_digest": dataset.digest}
    return {"run_id": run_id, "model_id": model_id} | of_dataset


def _model(client: "MlflowClient", run_id: str, experiment_id: str, record: EvaluationRecord) -> str:
    """The id of the system as an MLflow model: one per experiment and digest, which all evaluations of it share."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_IS_EXTERNAL

    key = re.sub(r"[^\w.-]", "_", record.system.digest or record.id)
    known = client.search_logged_models([experiment_id], filter_string=f"tags.`{_SYSTEM}` = '{key}'", max_results=1)
    if known:
        return str(known[0].model_id)
    model = client.create_logged_model(
        experiment_id,
        name=cut(re.sub(r"[/:.%\"']", "_", record.system.name)),
        source_run_id=run_id,
        params={name: cut(str(value)) for name, value in dotted("", record.system.model_dump(mode="json"))},
        tags={_SYSTEM: key, MLFLOW_MODEL_IS_EXTERNAL: "true"},
        model_type="retrieval-system",
    )
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)
