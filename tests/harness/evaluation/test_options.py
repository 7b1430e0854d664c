"""A system built for workers: by its name, and without their GPU where that is not here."""

import pytest

from harness.errors import UserError
from harness.evaluation.options import Options
from harness.evaluation.spreading.shards import Workers


def test_workers_are_told_how_to_build_it() -> None:
    options = Options(device="auto", workers=Workers("local:2"))
    told = options.told("random", options.build("random"))
    assert told.workers == Workers("local:2", "random", "own", "fp32")
    assert told.device == "own"
    assert Options().told("random", options.build("random")).workers is None


def test_a_gpu_that_only_the_workers_have_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = Options(device="cuda:0,cuda:1", workers=Workers("local:2"))
    built = options.build("tiny-passt")
    assert built.device == "cuda:0"
    assert next(built.system.model.parameters()).device.type == "cpu"
    told = options.told("tiny-passt", built)
    assert (told.device, told.workers) == ("cuda:0", Workers("local:2", "tiny-passt", "cuda:0,cuda:1", "fp32"))
    with pytest.raises(UserError, match="'cuda:0,cuda:1' cannot be used here"):
        Options(device="cuda:0,cuda:1").build("tiny-passt")
