"""The rules of language-based audio retrieval: what is measured, on what, and how.

The public names load when first used, so that `import harness` costs nothing.

>>> import harness
>>> harness.get_protocol("clotho-dcase2024").primary
'mAP@10'
"""

from importlib import import_module

_HOMES = {
    "Clip": "harness.datasets",
    "EvaluationRecord": "harness.records",
    "Measure": "harness.measures",
    "PROTOCOLS": "harness.protocols",
    "Protocol": "harness.protocols",
    "Relevance": "harness.relevance",
    "RetrievalDataset": "harness.datasets",
    "PairScorer": "harness.system",
    "RetrievalSystem": "harness.system",
    "SystemInfo": "harness.system",
    "UserError": "harness.errors",
    "Options": "harness.evaluation",
    "check": "harness.conformance",
    "evaluate": "harness.evaluation",
    "get_profile": "harness.submission.profiles",
    "get_protocol": "harness.protocols",
    "load_system": "harness.registry",
    "parse_measure": "harness.measures",
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
