from .named import PROTOCOLS as PROTOCOLS
from .named import Direction as Direction
from .named import Protocol as Protocol
from .named import get_protocol as get_protocol
from .relevance import Relevance as Relevance
from .task import RetrievalTask as RetrievalTask
from .task import pose as pose
