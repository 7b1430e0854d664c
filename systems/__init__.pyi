from .clap import ClapSystem as ClapSystem
from .dual_encoder import DualEncoder as DualEncoder
from .dual_encoder import DualEncoderSystem as DualEncoderSystem
from .fusion import CosineFusion as CosineFusion
from .fusion import ScoreFusion as ScoreFusion
from .linear import LinearSystem as LinearSystem
from .random import RandomSystem as RandomSystem
from .tags import TagsSystem as TagsSystem
from .training import (
    train_dual_encoder as train_dual_encoder,
)
from .training import (
    train_fusion as train_fusion,
)
from .training import (
    train_linear as train_linear,
)
