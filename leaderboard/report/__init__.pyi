from .shell import asset as asset
from .shell import filled as filled
from .site import build as build
