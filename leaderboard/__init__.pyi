from .board import board as board
from .board import load as load
from .comparison import Comparison as Comparison
from .comparison import compare as compare
