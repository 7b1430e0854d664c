"""What holds for every encoder and front end a card can choose: lengths, compiling, and what a GPU may round."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from systems.audio import atst_mel, spectra
from systems.audio.atst_mel import AtstLogMel
from systems.audio.encoder import AudioConfig
from systems.audio.encoders.atst import AtstConfig
from systems.audio.encoders.mobilenet import MobileNetConfig
from systems.audio.encoders.passt import Kept, PasstConfig
from systems.audio.mel import KaldiLogMel

TINY: dict[str, AudioConfig] = {
    "passt": PasstConfig(width=32, depth=2, heads=4, classes=7),
    "atst": AtstConfig(width=32, depth=2, heads=4),
    "mobilenet": MobileNetConfig(width_multiplier=0.1, classes=7),
}


def waveforms(windows: int, samples: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, (windows, samples)).astype(np.float32))


@pytest.mark.parametrize(
    "config",
    [
        TINY["passt"],
        TINY["atst"],
        PasstConfig(width=32, depth=1, heads=4, classes=7, frames=70, patch=32),
        AtstConfig(width=32, depth=1, heads=4, frames=50, patch_frames=7),
    ],
)
def test_the_longest_window_is_heard_and_no_longer_one(config: AudioConfig) -> None:
    front_end, encoder = config.front_end().eval(), config.build().eval()
    longest = config.longest_window()
    assert longest is not None
    with torch.inference_mode():
        assert encoder(front_end(waveforms(1, longest))).isfinite().all()
        with pytest.raises(ValueError, match="cut shorter windows"):
            encoder(front_end(waveforms(1, longest + 1)))


def test_convolutions_hear_windows_of_any_length() -> None:
    assert TINY["mobilenet"].longest_window() is None


@pytest.mark.parametrize("name", TINY)
def test_front_end_and_encoder_compile_without_a_break(name: str) -> None:
    torch.manual_seed(0)
    front_end, encoder = TINY[name].front_end().eval(), TINY[name].build().eval()
    torch.compiler.reset()
    with torch.no_grad():
        expected_images = front_end(waveforms(2, 32_000))
        images = torch.compile(front_end, fullgraph=True, backend="eager")(waveforms(2, 32_000))
        torch.testing.assert_close(images, expected_images, rtol=0, atol=0)
        features = torch.compile(encoder, fullgraph=True, backend="eager")(images)
        torch.testing.assert_close(features, encoder(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "kept"), [("passt", Kept(torch.tensor([0, 2, 5]), torch.tensor([1, 2, 7]))), ("atst", 58)]
)
def test_training_compiles_without_a_break_when_draws_are_made_outside(name: str, kept: object) -> None:
    torch.manual_seed(0)
    encoder = TINY[name].build().train()
    torch.compiler.reset()
    with torch.no_grad():
        images = TINY[name].front_end().eval()(waveforms(2, 32_000))
        compiled = torch.compile(encoder, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(images, kept=kept), encoder(images, kept=kept), rtol=0, atol=0)


class RoundedToTenBits(TorchDispatchMode):
    """Rounds the float32 factors of matrix products as a GPU does that takes TF32 for them."""

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] = {}
    ) -> object:
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.addmm):
            return func(*map(self._rounded, args), **kwargs)
        return func(*args, **kwargs)

    @staticmethod
    def _rounded(factor: object) -> object:
        if not isinstance(factor, torch.Tensor) or factor.dtype != torch.float32:
            return factor
        return ((factor.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("front_end", "name"),
    [(KaldiLogMel(), "passt_mn_logmel"), (AtstLogMel(), "atst_input")],
    ids=["KaldiLogMel", "AtstLogMel"],
)
def test_nothing_is_lost_where_float32_products_are_rounded(
    shared: Path, front_end: KaldiLogMel | AtstLogMel, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on an accelerator: a processor does not round.
    for module in (spectra, atst_mel):
        monkeypatch.setattr(module, "keeps_factors", lambda device: False)
    golden = np.load(shared / "golden" / "frontends.npz")
    waveform = torch.from_numpy(golden["x_int16"].astype(np.float32) / 32768)
    with RoundedToTenBits():
        factors = torch.full((1, 1), 1 + 2**-12)
        assert (factors @ factors).item() == 1
        image = front_end(waveform[None])[0]
    torch.testing.assert_close(image, front_end(waveform[None])[0], rtol=0, atol=0)
    np.testing.assert_allclose(image, golden[name], rtol=0, atol=1e-4)
