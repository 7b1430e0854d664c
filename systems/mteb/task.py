"""Any protocol as a task of MTEB, made of what is on this machine."""

from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.evaluation import prepare
from harness.protocols import Protocol, RetrievalTask, get_protocol
from systems.mteb.package import mteb

SPLIT = "test"


def as_task(protocol: str | Protocol, *, data_root: str | Path = "data", sample_rate: int = 32_000) -> Any:
    """A protocol as a task that `mteb.evaluate` takes.

    Queries, clips and relevance are the protocol's; measures, ties (which MTEB breaks by the names of documents) and
    the main score are MTEB's: of ours, `map_at_10` is mAP@10 and `hit_rate_at_k` is Hit@k, which is R@k where one clip
    answers each query.

    Args:
        protocol: the rules, or their name.
        data_root: folder with the data sets.
        sample_rate: Hz of the clips that models get; give a system's own, so that it hears what it hears here.

    Raises:
        UserError: MTEB is not installed, data is missing, or the protocol's relevance is graded.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    package = mteb()
    prepared = prepare(rules, Path(data_root), sample_rate)
    task = prepared.task
    if task.relevance.gains is not None:
        raise UserError(f"{rules.name} has grades of relevance, which MTEB's measures of ours do not use")
    text_asks = rules.direction == "text-to-audio"
    metadata = package.TaskMetadata(
        name=f"lbar-{rules.name}",
        description=f"{rules.name} of lbar: {rules.dataset} {rules.split}, {rules.direction}.",
        dataset={"path": f"lbar/{rules.dataset}", "revision": task.digest},
        type="Any2AnyRetrieval",
        category="t2a" if text_asks else "a2t",
        modalities=["text", "audio"] if text_asks else ["audio", "text"],
        eval_splits=[SPLIT],
        eval_langs=["eng-Latn"],
        main_score="map_at_10",
    )
    made = _of_kind(metadata)
    made.dataset = {"default": {SPLIT: _data(task, prepared.store, sample_rate)}}
    made.data_loaded = True
    return made


def _data(task: RetrievalTask, store: Any, rate: int) -> dict[str, Any]:
    """Queries, documents and relevance; clips are read from the store when a model asks for them."""
    from datasets import Dataset

    by_name = {f"c-{index}": clip for index, clip in enumerate(task.clips)}

    def with_sound(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if "audio" not in batch:
            return batch
        sound = [{"array": store.read(by_name[name]), "sampling_rate": rate} for name in batch["audio"]]
        return batch | {"audio": sound}

    clips = Dataset.from_dict({"id": [*by_name], "audio": [*by_name]}).with_transform(with_sound)
    text_ids = [f"t-{index}" for index in range(len(task.captions))]
    texts = Dataset.from_dict({"id": text_ids, "text": list(task.captions)})
    text_asks = task.protocol.direction == "text-to-audio"
    asked, ranked = (text_ids, [*by_name]) if text_asks else ([*by_name], text_ids)
    ends = task.relevance.offsets.tolist()
    relevant = {
        name: {ranked[item]: 1 for item in task.relevance.items[ends[query] : ends[query + 1]].tolist()}
        for query, name in enumerate(asked)
    }
    queries, documents = (texts, clips) if text_asks else (clips, texts)
    return {"queries": queries, "corpus": documents, "relevant_docs": relevant, "top_ranked": None}


def _of_kind(metadata: Any) -> Any:
    """A retrieval task whose data are there from the beginning; MTEB has the metadata in the class."""
    from mteb.abstasks import AbsTaskRetrieval

    return type("ProtocolTask", (AbsTaskRetrieval,), {"metadata": metadata, "load_data": lambda *_, **__: None})()
