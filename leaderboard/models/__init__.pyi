from .registering import register as register
