from .audio import Array as Array
from .audio import Clip as Clip
from .datasets import RetrievalDataset as RetrievalDataset
from .errors import UserError as UserError
from .evaluation import Options as Options
from .evaluation import Run as Run
from .evaluation import evaluate as evaluate
from .evaluation import keep_outputs as keep_outputs
from .interface import (
    PairScorer as PairScorer,
)
from .interface import (
    RetrievalSystem as RetrievalSystem,
)
from .interface import (
    SystemInfo as SystemInfo,
)
from .interface import (
    check as check,
)
from .interface import (
    load_system as load_system,
)
from .measures import Measure as Measure
from .measures import parse_measure as parse_measure
from .predictions import Score as Score
from .predictions import score as score
from .protocols import (
    PROTOCOLS as PROTOCOLS,
)
from .protocols import (
    Protocol as Protocol,
)
from .protocols import (
    Relevance as Relevance,
)
from .protocols import (
    get_protocol as get_protocol,
)
from .runs import EvaluationRecord as EvaluationRecord
from .submission import get_profile as get_profile
from .submission import submit as submit
from .submission import validate as validate

__version__: str
