from .comparing import ALPHA as ALPHA
from .comparing import Comparison as Comparison
from .comparing import against_published as against_published
from .comparing import compare as compare
from .comparing import compare_rows as compare_rows
from .comparing import groups_by_primary as groups_by_primary
from .comparison_table import render as render
from .comparison_table import to_json as to_json
