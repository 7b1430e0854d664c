from .card import MtebCard as MtebCard
from .card import MtebSystem as MtebSystem
from .card import from_card as from_card
from .model import MtebModel as MtebModel
from .model import as_model as as_model
from .task import as_task as as_task
