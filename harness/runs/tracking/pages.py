"""How MLflow's own pages open an experiment: what it is of, and the columns of its table.

The columns that a table begins with are fixed in those pages, and no store can change them. But an address may name a
view that is shared, which is a tag of the experiment: `lbar mlflow` prints these addresses.
"""

import json
from collections.abc import Sequence

VIEW_TAG = "mlflow.sharedViewState.lbar"


def page_tags(metrics: Sequence[str] = ()) -> dict[str, str]:
    """The tags of an experiment.

    Args:
        metrics: by the names that MLflow has for them, the most important one first; these are columns of the view.
    """
    tags = {"mlflow.experimentKind": "custom_model_development"}
    if not metrics:
        return tags
    columns = [f"metrics.`{name}`" for name in metrics] + ["attributes.`Source`"]
    view = {
        "selectedColumns": columns,
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "orderByKey": columns[0],
        "orderByAsc": False,
    }
    return tags | {
        "mlflow.experiment.primaryMetric.name": metrics[0],
        "mlflow.experiment.primaryMetric.greaterIsBetter": "true",
        VIEW_TAG: json.dumps(view),
    }


def page_of(address: str, experiment_id: str) -> str:
    """The address of an experiment's view, below that of MLflow's pages."""
    # Newer pages go by a switch of their own instead of the experiment's kind, unless the address says where it stands.
    wanted = f"workflowType=machine_learning&viewStateShareKey={VIEW_TAG.rpartition('.')[2]}"
    return f"{address}/#/experiments/{experiment_id}/runs?{wanted}"
