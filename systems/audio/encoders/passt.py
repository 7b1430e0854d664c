"""PaSST: a transformer over patches of the log-mel image, which in training sees only a part of them."""

from typing import Literal, NamedTuple, Self

import torch
from pydantic import NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from systems.audio.encoder import AudioEncoder
from systems.audio.mel import KaldiLogMel, MelConfig
from systems.audio.transformer import LAYER_NORM_EPS, Block, TransformerConfig


class PasstConfig(TransformerConfig):
    """A PaSST; the defaults are the published `passt_s_p16_s16_128_ap468`.

    Attributes:
        encoder: the name of the encoder.
        mel: the images.
        patch: height of a patch in bands, and its width in frames.
        frames: number of frames that the positional encoding is made for.
        classes: number of tags.
        patchout_time: number of columns of patches that are left out in training.
        patchout_frequency: number of rows of patches that are left out in training.
    """

    authors_name = "passt"

    encoder: Literal["passt"] = "passt"
    mel: MelConfig = MelConfig()
    patch: PositiveInt = 16
    frames: PositiveInt = 1000
    classes: PositiveInt = 527
    patchout_time: NonNegativeInt = 15
    patchout_frequency: NonNegativeInt = 2

    @model_validator(mode="after")
    def _patches_fit(self) -> Self:
        if self.patch > min(self.mel.bands, self.frames):
            raise ValueError(
                f"a patch of {self.patch} does not fit into an image of {self.mel.bands} bands and {self.frames} "
                "frames; expected a smaller one"
            )
        return self

    @property
    def longest_image(self) -> int:
        """Frames of the longest image that the positional encoding covers; a last, partial patch is not used."""
        return (self.frames // self.patch + 1) * self.patch - 1

    def build(self) -> "Passt":
        """A PaSST with random weights."""
        return Passt(self)

    def front_end(self) -> KaldiLogMel:
        """What makes the images."""
        return self.mel.build()

    def repeats_images(self) -> bool:
        """Without jitter of the edges and masks, it does."""
        return self.mel.repeats_images

    def longest_window(self) -> int:
        """Samples of the longest window whose image the positional encoding covers."""
        return KaldiLogMel.longest_waveform(self.longest_image, self.mel.hop)


class Kept(NamedTuple):
    """What structured patchout keeps: increasing indices of columns (time) and of rows (frequency) of patches."""

    columns: Tensor
    rows: Tensor


class Passt(AudioEncoder):
    """Log-mel images of `KaldiLogMel` to one vector per window: the mean of the outputs at two summarising tokens.

    Names and shapes in the state dict are those of the published file.

    Attributes:
        width: dimension of the features.

    >>> passt = Passt(PasstConfig(width=32, depth=2, heads=4, frames=100))
    >>> passt.eval()(torch.zeros(2, 128, 100)).shape
    torch.Size([2, 1, 32])
    """

    unused = ("head", "head_dist")

    def __init__(self, config: PasstConfig) -> None:
        super().__init__()
        self.config = config
        self.width = width = config.width
        rows, columns = config.mel.bands // config.patch, config.frames // config.patch
        self.cls_token = _learned(1, 1, width)
        self.dist_token = _learned(1, 1, width)
        self.new_pos_embed = _learned(1, 2, width)
        self.freq_new_pos_embed = _learned(1, width, rows, 1)
        self.time_new_pos_embed = _learned(1, width, 1, columns)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, config.patch, config.patch)})
        self.blocks = nn.Sequential(*(Block(width, config.heads) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.classes))
        # It is in the published file, but its output is never used.
        self.head_dist = nn.Linear(width, config.classes).requires_grad_(False)

    def forward(self, images: Tensor, generator: torch.Generator | None = None, kept: Kept | None = None) -> Tensor:
        """Compute the features of each window.

        Args:
            images: `(windows, bands, frames)`, at most `config.longest_image` frames; the frames of a last, partial
                patch are not used.
            generator: on the CPU; in training mode, what patchout keeps is drawn from it. `None` is torch's global one.
            kept: what patchout keeps, instead of a draw.

        Returns:
            `(windows, 1, width)`.

        Raises:
            ValueError: the images are longer than the positional encoding.
        """
        patches = self.patch_embed["proj"](images.unsqueeze(1))
        rows, columns = patches.shape[2:]
        longest = self.config.longest_image
        if images.shape[-1] > longest:
            raise ValueError(
                f"images of {images.shape[-1]} frames are {columns} patches long, but the positional encoding ends "
                f"at {longest // self.config.patch}; expected at most {longest} frames, so cut shorter windows"
            )
        patches = patches + self.time_new_pos_embed[..., :columns] + self.freq_new_pos_embed
        if self.training and kept is None:
            kept = self.draw(rows, columns, generator)
        if kept is not None:
            patches = patches.index_select(3, kept.columns.to(patches.device))
            patches = patches.index_select(2, kept.rows.to(patches.device))
        summaries = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        tokens = torch.cat([summaries.expand(len(images), -1, -1), patches.flatten(2).mT], dim=1)
        features: Tensor = self.norm(self.blocks(tokens)[:, :2]).mean(dim=1, keepdim=True)
        return features

    def draw(self, rows: int, columns: int, generator: torch.Generator | None = None) -> Kept:
        """Draw which columns and then which rows of patches the whole batch keeps; at least one of each."""
        kept_columns = _draw(columns, self.config.patchout_time, generator)
        return Kept(kept_columns, _draw(rows, self.config.patchout_frequency, generator))


def _draw(count: int, left_out: int, generator: torch.Generator | None) -> Tensor:
    # The generator is on the CPU, whatever torch's default device is.
    return torch.randperm(count, generator=generator, device="cpu")[: max(count - left_out, 1)].sort().values


def _learned(*shape: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))


ENCODER = PasstConfig
