from .blind import blind_page as blind_page
from .collecting import open_collection as open_collection
from .guarding import guarded as guarded
from .searching import Collection as Collection
from .searching import search_page as search_page
from .serving import serve as serve
