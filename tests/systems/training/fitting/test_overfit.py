"""Each encoder can learn 32 scenes by heart, a window and a caption of each: the gradient reaches all that decides."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from harness.audio.store import PcmStore
from harness.datasets.known import load
from harness.interface.cards.card import parse_card, read_card
from harness.interface.cards.files import required_file
from harness.machine.memory import keep_freed_memory
from systems.audio.mel import SAMPLE_RATE
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.dual_encoder.schedule import Schedule
from systems.text.captions import CaptionTokenizer
from systems.training.fitting.losses import supervised_loss

SCENES, STEPS = 32, 200


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rate"), [("tiny-passt", 0.002), ("tiny-atst", 0.002), ("tiny-mn", 0.003)])
def test_32_scenes_by_heart(name: str, rate: float) -> None:
    keep_freed_memory()
    said, folder = read_card(name)
    said["text"] |= {"dropout": 0}
    said["windows"] |= {"longest_seconds": said["windows"]["seconds"]}
    if said["audio"]["encoder"] == "passt":
        said["audio"] |= {"patchout_time": 0, "patchout_frequency": 0}
    card = parse_card(DualEncoderCard, said)
    dataset = load("everyday", "validation", Path("data"))
    store = PcmStore.of("everyday", SAMPLE_RATE)
    store.ensure(dataset.clips[:SCENES])
    clips = [store.read(clip) for clip in dataset.clips[:SCENES]]
    captions = {query.clip: query.text for query in reversed(dataset.queries)}
    tokenizer = CaptionTokenizer.read(required_file(card.files, "tokenizer", folder, name), card.text.vocabulary)
    ids = tokenizer([captions[clip] for clip in range(SCENES)])

    model = DualEncoder.seeded(card, 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = Schedule(highest=rate, lowest=0, warm_up=STEPS / 10, end=STEPS)
    matching, owners = torch.eye(SCENES, dtype=torch.bool), torch.arange(SCENES)

    def similarities(generator: torch.Generator | None = None) -> torch.Tensor:
        embedded = model.embed_clips(clips, generator=generator), model.embed_captions(ids)
        audio, text = (normalize(vectors, dim=-1) for vectors in embedded)
        return audio @ text.T

    recall = 0.0
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = schedule.at(step)
        model.train()
        loss = supervised_loss(similarities(torch.Generator().manual_seed(step)), matching, card.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            model.eval()
            with torch.inference_mode():
                recall = (similarities().argmax(dim=0) == owners).float().mean().item()
            if recall == 1:
                break
    assert recall == 1, f"R@1 is {recall} after {STEPS} steps"
