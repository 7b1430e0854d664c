from .site import build as build
