"""The section `training:` of a dual encoder's card: the fields all sections share, and hyper-parameters."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from harness.interface import TrainingSection
from systems.dual_encoder.schedule import Schedule


class TrainingConfig(TrainingSection):
    """One stage of the two-stage method. The defaults are the paper's first stage.

    Without a system to start from, the encoders start from the weights in the card's files `audio_encoder` and
    `text_encoder`, and from random ones where the card has no such file. One teacher that is also the system started
    from is self-distillation.

    Attributes:
        supervised: λ in λ · L_sup + (1 - λ) · L_dist: 1 where nothing is estimated, 0 for estimates alone.
        loss_scale: multiplies the loss; the authors' code has 0.5.
        schedule: of the learning rate.
        epochs: number of passes over the training data.
        batch: pairs of clip and caption in a step, on all devices together; clips where `captions` is `all`.
        captions: `one` draws pairs, as the paper does, so that a clip with five captions is drawn five times in an
            epoch; `two` and `all` take each clip once, with two of its captions, drawn anew in each epoch, or with all.
        replaced: probability that a caption that is drawn is replaced by one of its `extra_captions`, drawn as well.
        temperature: `constant`, that of the card; or `trained` along with the weights, from there on or from where the
            system started from has got to. The trained card says what came of it.
        objective: what is learned: `matching`, which captions and clips belong together; or, before that, `towers`: the
            audio encoder learns the tags of clips, the text encoder which captions are of one clip, and the
            projections stay as they are. A card that says `start` goes on from there.
        keep_images: whether the images of all clips are computed once and kept in memory, in half precision: about
            1 MB a minute at 64 bands and 100 frames a second. Of a long clip the beginning is used.
        part: clips that are computed at a time, with their captions; what a batch needs in memory is then that of so
            many clips, and every step takes about a third longer. The loss is still over the whole batch. `None`
            computes all at once.
        seed: of everything that is drawn at random.
    """

    model_config = ConfigDict(extra="forbid")

    data: Annotated[tuple[str, ...], Field(min_length=1)]
    validation: str
    supervised: Annotated[float, Field(ge=0, le=1)] = 1.0
    loss_scale: PositiveFloat = 1.0
    schedule: Schedule = Schedule()
    epochs: PositiveInt = 20
    batch: PositiveInt = 64
    captions: Literal["one", "two", "all"] = "one"
    replaced: Annotated[float, Field(ge=0, lt=1)] = 0.3
    temperature: Literal["constant", "trained"] = "constant"
    objective: Literal["matching", "towers"] = "matching"
    keep_images: bool = False
    part: PositiveInt | None = None
    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        for field in (self.data, self.teachers):
            if twice := sorted({name for name in field if field.count(name) > 1}):
                raise ValueError(f"{', '.join(twice)} is named twice; name it once")
        if self.validation == "folder" and "folder" in self.data:
            raise ValueError(
                "a folder has one split, which cannot both be trained on and choose the checkpoint; "
                "name another data set"
            )
        return self

    @model_validator(mode="after")
    def _estimates_have_teachers(self) -> Self:
        if self.supervised < 1 and not self.teachers:
            raise ValueError(f"supervised is {self.supervised}, so that something is to be estimated; name `teachers:`")
        if self.supervised == 1 and self.teachers:
            raise ValueError("supervised is 1, so that the teachers would have no effect; lower it or name no teachers")
        if self.objective == "towers" and self.part:
            raise ValueError("objective is towers, whose batches are computed at once; leave `part:` out")
        if self.teachers and self.extra_captions and self.replaced:
            raise ValueError("extra_captions has texts of which the teachers estimate nothing; say `replaced: 0`")
        if self.teachers and self.temperature == "trained":
            raise ValueError("temperature is trained, and the estimates would change with it; say `constant`")
        if self.objective == "towers" and (self.teachers or self.captions == "one"):
            raise ValueError("objective is towers, which needs no teachers, and `captions: two` or `all` of each clip")
        return self

    def parts(self, ranks: int) -> int:
        """In how many parts each of so many processes computes its share of a batch."""
        return 1 if self.part is None else -(-self.batch // (ranks * self.part))
