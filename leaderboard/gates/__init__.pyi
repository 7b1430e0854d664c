from .gate import QUALITY_BASELINE as QUALITY_BASELINE
from .gate import Finding as Finding
from .gate import check_quality as check_quality
from .gate import read_baseline as read_baseline
from .gate import write_baseline as write_baseline
from .speed_gate import SPEED_BASELINE as SPEED_BASELINE
from .speed_gate import check_speed as check_speed
from .speed_gate import write_speeds as write_speeds
