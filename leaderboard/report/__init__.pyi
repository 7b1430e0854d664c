from .answers_data import Items as Items
from .answers_data import best_items as best_items
from .shell import asset as asset
from .shell import filled as filled
from .site import build as build
