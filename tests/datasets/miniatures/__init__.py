"""Every dataset in miniature: name -> what builds it below a data root and says where."""

from aio_plugin.datasets import all_adapters
from aio_plugin.modality import parse_written

from . import infrared, manifest, multimodal, rgb, sketch, text

ADAPTERS = all_adapters()
EVERY = {
    name: build
    for module in (rgb, infrared, sketch, text, multimodal, manifest)
    for name, build in module.BUILDERS.items()
}


def read(name, root, query=None, **options):
    """The splits of a dataset; ``query`` is a combination, or one as a user writes it."""
    return ADAPTERS[name].read(str(root), options, parse_written(query) if isinstance(query, str) else query)
