from .cli import train as train
from .fusion import train_fusion as train_fusion
from .linear import train_linear as train_linear
from .two_stage import train_dual_encoder as train_dual_encoder
