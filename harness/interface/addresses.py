"""The earlier addresses of modules that have moved, as cards, records and MLflow models of earlier versions have them.

Cards name functions, for example `systems.dual_encoder_system:from_card`, and a model in MLflow's registry keeps a copy
of our code with its imports. Both go on working: importing a module by its earlier address gives today's module.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    # In cards: `factory:` and `trainer:`.
    "systems.dual_encoder_system": "systems.dual_encoder.system",
    "systems.training.recipe": "systems.training.linear",
    # In the code of models that `lbar mlflow register` has stored.
    "harness.guards": "harness.interface.returned_values",
    "harness.ranking": "harness.measures.ranking",
    "harness.registry": "harness.interface.systems",
    "harness.scoring": "harness.measures.similarity",
}
"""Today's address of a module by its earlier one. Entries stay: files with an earlier address may exist anywhere."""


class _MovedModules(MetaPathFinder, Loader):
    """Finds a module under its earlier address."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        # The import statement gets the module that is entered here when this method returns.
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def keep_earlier_addresses() -> None:
    """Make every earlier address of `MOVED` importable; a second call changes nothing."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
