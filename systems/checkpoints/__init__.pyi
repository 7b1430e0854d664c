from .files import StateDict as StateDict
from .files import load_into as load_into
from .files import read_checkpoint as read_checkpoint
from .files import weights_digest as weights_digest
from .files import write_weights as write_weights
from .layouts import encoder_state as encoder_state
from .layouts import system_state as system_state
