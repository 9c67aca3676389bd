"""Every dataset in miniature: name -> what builds it below a data root."""

from .fixtures import BUILDERS
from .fixtures_multimodal import MULTIMODAL_BUILDERS
from .fixtures_rgb import RGB_BUILDERS
from .fixtures_synthetic import SYNTHETIC_BUILDERS
from .fixtures_text import TEXT_BUILDERS

EVERY = {**BUILDERS, **RGB_BUILDERS, **MULTIMODAL_BUILDERS, **SYNTHETIC_BUILDERS, **TEXT_BUILDERS}
