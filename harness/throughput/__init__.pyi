from .batch import benchmark_all as benchmark_all
from .benchmark import SpeedOptions as SpeedOptions
from .instruments.timing import FULL as FULL
from .reporting import report as report
from .workloads import get_workloads as get_workloads
