from .card import DualEncoderCard as DualEncoderCard
from .initial import initial_model as initial_model
from .model import DualEncoder as DualEncoder
from .system import DualEncoderSystem as DualEncoderSystem
from .system import from_card as from_card
from .system import read_model as read_model
from .training_section import TrainingConfig as TrainingConfig
