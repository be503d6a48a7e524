"""What takes many steps: each run is a frozen dataclass of options whose ``steps`` is a generator of short steps."""

from deepvis.backend.runs.base import Run
from deepvis.backend.runs.class_image import ClassImage
from deepvis.backend.runs.deepdream import DeepDream
from deepvis.backend.runs.embedding import Embedding
from deepvis.backend.runs.evolved_fooling import EvolvedFooling
from deepvis.backend.runs.fooling import Fooling
from deepvis.backend.runs.inversion import Inversion
from deepvis.backend.runs.occlusion import Occlusion, OcclusionMap
from deepvis.backend.runs.patch_scan import PatchScan

_RUNS: dict[str, type[Run]] = {
    "class_image": ClassImage,
    "deepdream": DeepDream,
    "embedding": Embedding,
    "evolved_fooling": EvolvedFooling,
    "fooling": Fooling,
    "inversion": Inversion,
    "occlusion": Occlusion,
    "patch_scan": PatchScan,
}

_SLOW_IMPORTS: dict[str, tuple[str, ...]] = {
    # torch.optim imports it at an optimiser's first step.
    "class_image": ("torch._dynamo",),
    "fooling": ("torch._dynamo",),
    "embedding": ("openTSNE",),
}


def registry() -> dict[str, type[Run]]:
    """Every run by the name under which forms and commands know it."""
    return dict(_RUNS)


def slow_imports(name: str) -> tuple[str, ...]:
    """Modules that a run of this name imports at its first step, and that take seconds."""
    return _SLOW_IMPORTS.get(name, ())


__all__ = [
    "ClassImage",
    "DeepDream",
    "Embedding",
    "EvolvedFooling",
    "Fooling",
    "Inversion",
    "Occlusion",
    "OcclusionMap",
    "PatchScan",
    "Run",
    "registry",
    "slow_imports",
]
