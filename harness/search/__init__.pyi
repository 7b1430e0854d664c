from .indexing import Indexed as Indexed
from .indexing import index_sounds as index_sounds
from .sound_index import SoundIndex as SoundIndex
from .sound_index import answers_of as answers_of
from .sound_index import indexed_systems as indexed_systems
from .sound_index import open_index as open_index
from .windows import parse_place as parse_place
