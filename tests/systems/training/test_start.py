from collections.abc import Callable

import pytest
import torch

from systems.dual_encoder import DualEncoder, DualEncoderCard, LateFusion
from systems.training import start

Card = Callable[..., DualEncoderCard]


@pytest.mark.parametrize("metadata", [{"fusion": "late"}, {"fusion": "mid", "heads": 2}])
def test_its_towers_are_those_it_goes_on_from(dual_card: Card, metadata: dict[str, object]) -> None:
    hearing = DualEncoder.seeded(dual_card(), 1)
    model = start._with_fusion(dual_card(metadata=metadata), hearing, 0)
    theirs = hearing.state_dict()
    same = {
        name
        for name, weight in model.state_dict().items()
        if torch.equal(weight, theirs.get(name, torch.tensor(float("nan"))))
    }
    differing = {name.partition(".")[0] for name in model.state_dict().keys() - same}
    if metadata["fusion"] == "mid":
        assert differing == {"fusion", "audio_projection"}
        return
    assert differing == {"fusion"}
    assert isinstance(model.fusion, LateFusion)
    assert torch.equal(model.fusion.projection.weight, model.text_projection.weight)
    assert model.fusion.projection is not model.text_projection
