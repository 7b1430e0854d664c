"""A system with the clips of a protocol as an MLflow model: captions in, ranked clips out.

MLflow keeps this file as the model's code and runs it where the model is loaded, so lbar has to be installed there.
The model holds the clips' embeddings and names; the system itself is loaded by its registered name, and must still be
the one whose embeddings these are.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

TOP = 10


class Retriever(PythonModel):
    """Answers captions with the clips that match best.

    MLflow reads what it takes from the annotation `list[str]`, and trips over one that it cannot evaluate.
    """

    def load_context(self, context: object) -> None:
        """Load the system and the clips.

        Raises:
            UserError: the system is not here, or is no longer the one the clips were embedded with, or a file of the
                model is damaged.
        """
        import numpy as np

        from harness.errors import UserError
        from harness.interface import build_system
        from harness.machine import require_undamaged

        artifacts: dict[str, str] = context.artifacts  # type: ignore[attr-defined]
        for path in artifacts.values():
            require_undamaged(Path(path), "register it anew")
        self.about = json.loads(Path(artifacts["about"]).read_text(encoding="utf-8"))
        self.audio = np.load(artifacts["clips"])
        built = build_system(self.about["system"], device="auto", precision=self.about["precision"])
        if built.system.info.digest != self.about["digest"]:
            raise UserError(
                f"the {self.about['system']} that is here is not the one this model was made with (digest "
                f"{str(built.system.info.digest)[:12]}, expected {self.about['digest'][:12]}); register it anew"
            )
        self.system: Any = built.system

    def predict(self, context: object, model_input: list[str], params: object = None) -> pd.DataFrame:  # noqa: ARG002
        """The ten best clips of every caption.

        Args:
            context: MLflow's.
            model_input: captions.
            params: none are known.

        Returns:
            Columns `caption`, `rank` from 1, `clip` and `score`, best first, caption by caption.
        """
        import numpy as np

        from harness.interface import guarded_score
        from harness.measures import score_tiles, top_k

        names = np.array(self.about["clips"], dtype=object)
        text = np.asarray(self.system.embed_text(list(model_input)))
        parts = [top_k(scores, TOP) for _, scores in score_tiles(text, self.audio, guarded_score(self.system))]
        best, scores = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        return pd.DataFrame(
            {
                "caption": np.repeat(np.array(model_input, dtype=object), best.shape[1]),
                "rank": np.tile(np.arange(1, best.shape[1] + 1), len(best)),
                "clip": names[best.ravel()],
                "score": scores.ravel(),
            }
        )


set_model(Retriever())
