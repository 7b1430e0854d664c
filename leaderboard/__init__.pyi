from .board import load as load
from .comparison import compare as compare
