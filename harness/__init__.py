"""The rules of language-based audio retrieval: what is measured, on what, and how.

The public names load when first used, so that `import harness` costs nothing.

>>> import harness
>>> harness.get_protocol("clotho-dcase2024").primary
'mAP@10'
"""

from importlib import import_module

_HOMES = {
    "Clip": "harness.datasets",
    "EvaluationRecord": "harness.runs.records",
    "Measure": "harness.measures.measure",
    "PROTOCOLS": "harness.protocols.named",
    "Protocol": "harness.protocols.named",
    "Relevance": "harness.protocols.relevance",
    "RetrievalDataset": "harness.datasets",
    "PairScorer": "harness.interface.system",
    "RetrievalSystem": "harness.interface.system",
    "SystemInfo": "harness.interface.system",
    "UserError": "harness.errors",
    "Options": "harness.evaluation.evaluating",
    "check": "harness.interface.conformance",
    "evaluate": "harness.evaluation.evaluating",
    "get_profile": "harness.submission.editions.profiles",
    "get_protocol": "harness.protocols.named",
    "load_system": "harness.interface.building",
    "parse_measure": "harness.measures.measure",
    "submit": "harness.submission.submitting",
    "validate": "harness.submission.validation",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
