"""ATST-Frame: a transformer over slices of the log-mel spectrogram, one vector every 40 ms."""

from typing import Annotated, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn.functional import interpolate

from systems.audio.atst_mel import BANDS, AtstLogMel
from systems.audio.encoder import AudioEncoder
from systems.audio.transformer import LAYER_NORM_EPS, Block, TransformerConfig
from systems.checkpoints import Layout

_LAYOUTS = (
    Layout(
        "ATST-Frame of ATST-SED, clip and frame branch",
        "encoder.encoder.frame_encoder.",
        (("encoder.encoder.frame_encoder.", ""), ("encoder.encoder.teacher_module.", None)),
    ),
    Layout(
        "ATST-Frame, self-supervised",
        "model.teacher.encoder.",
        (
            ("model.teacher.encoder.cls_token", None),
            ("model.teacher.encoder.norm.", "norm_frame."),
            ("model.teacher.encoder.", ""),
            ("model.", None),
        ),
    ),
    Layout(
        "ATST-Frame, fine-tuned on AudioSet",
        "encoder.encoder.",
        (("encoder.encoder.", ""), ("head.", None), ("encoder.head.", None)),
    ),
    Layout("ATST-Frame of PretrainedSED", "model.atst.", (("model.atst.", ""), ("model.", None))),
)
"""As ATST-SED, PretrainedSED and the authors of ATST published it."""


class AtstConfig(TransformerConfig):
    """An ATST-Frame; the defaults are the published base model.

    Attributes:
        encoder: the name of the encoder.
        patch_frames: number of frames, 10 ms each, per token.
        frames: number of frames that the positional encoding is made for.
        frequency_warp: in training, a share of the bands, drawn between this and 1, is stretched over all of them; 1
            turns this off.
        top_db_scope: see `AtstLogMel`.
    """

    layouts = _LAYOUTS
    authors_name = "atst"
    # Resampler and mel bank are computed here, not loaded.
    authors_prefixes = (("model.atst.", ""), ("model.resampler.", None), ("model.mel.", None))

    encoder: Literal["atst"] = "atst"
    patch_frames: PositiveInt = 4
    frames: PositiveInt = 1000
    frequency_warp: Annotated[float, Field(gt=0, le=1)] = 0.9
    top_db_scope: Literal["window", "batch"] = "window"

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if self.patch_frames > self.frames:
            raise ValueError(
                f"a patch of {self.patch_frames} frames does not fit into an image of {self.frames}; "
                "expected a smaller one"
            )
        return self

    @property
    def longest_image(self) -> int:
        """Frames of the longest image that the positional encoding covers; a last, partial step is not used."""
        return (self.frames // self.patch_frames + 1) * self.patch_frames - 1

    def build(self) -> "Atst":
        """An ATST-Frame with random weights."""
        return Atst(self)

    def front_end(self) -> AtstLogMel:
        """The published front end."""
        return AtstLogMel(self.top_db_scope)

    def repeats_images(self) -> bool:
        """Unless an image depends on the others of its batch, it does."""
        return self.top_db_scope == "window"

    def longest_window(self) -> int:
        """Samples of the longest window whose image the positional encoding covers."""
        return AtstLogMel.longest_waveform(self.longest_image)


class Atst(AudioEncoder):
    """Log-mel images of `AtstLogMel` to one vector per 40 ms.

    Names and shapes in the state dict are those of the published file.

    Attributes:
        width: dimension of the features.

    >>> atst = Atst(AtstConfig(width=32, depth=2, heads=4))
    >>> atst.eval()(torch.zeros(2, 64, 101)).shape
    torch.Size([2, 25, 32])
    """

    def __init__(self, config: AtstConfig) -> None:
        super().__init__()
        self.config = config
        self.width = width = config.width
        # The published file has it for pre-training by masking; nothing is masked here.
        self.mask_embed = nn.Parameter(torch.zeros(1, 1, width), requires_grad=False)
        positions = 1 + config.frames // config.patch_frames
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, positions, width), std=0.02))
        self.patch_embed = nn.ModuleDict({"patch_embed": nn.Linear(BANDS * config.patch_frames, width)})
        self.blocks = nn.Sequential(*(Block(width, config.heads, qkv_bias=False) for _ in range(config.depth)))
        self.norm_frame = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, images: Tensor, generator: torch.Generator | None = None, kept: int | None = None) -> Tensor:
        """Compute the features of each step of each window.

        Args:
            images: `(windows, bands, frames)`, at most `config.longest_image` frames; the frames of a last, partial
                step are not used.
            generator: on the CPU; in training mode, the frequency warp is drawn from it. `None` is torch's global one.
            kept: how many of the lowest bands the warp keeps, instead of a draw.

        Returns:
            `(windows, frames // patch_frames, width)`.

        Raises:
            ValueError: the images are longer than the positional encoding.
        """
        if self.training and self.config.frequency_warp < 1 and kept is None:
            kept = self.draw(generator)
        if kept is not None:
            images = stretch(images, kept)
        size = self.config.patch_frames
        steps = images.shape[-1] // size
        longest = self.config.longest_image
        if images.shape[-1] > longest:
            raise ValueError(
                f"images of {images.shape[-1]} frames are {steps} steps long, but the positional encoding ends at "
                f"{longest // size}; expected at most {longest} frames, so cut shorter windows"
            )
        windows, bands, _ = images.shape
        slices = images[..., : steps * size].reshape(windows, bands, steps, size).transpose(1, 2).flatten(2)
        # The first position is that of a summarising token, which this model does not have.
        tokens = self.patch_embed["patch_embed"](slices) + self.pos_embed[:, 1 : steps + 1]
        features: Tensor = self.norm_frame(self.blocks(tokens))
        return features

    def draw(self, generator: torch.Generator | None = None) -> int:
        """Draw how many of the lowest bands the warp keeps, for the whole batch."""
        smallest = self.config.frequency_warp
        share = smallest + (1 - smallest) * torch.rand((), generator=generator, device="cpu").item()
        return max(int(share * BANDS), 1)


def stretch(images: Tensor, kept: int) -> Tensor:
    """Stretch the `kept` lowest bands over all bands, bicubically; `(windows, bands, frames)` in and out."""
    bands, frames = images.shape[1:]
    lowest = images[:, None, :kept]
    return interpolate(lowest, (bands, frames), mode="bicubic", align_corners=True).squeeze(1)


ENCODER = AtstConfig
