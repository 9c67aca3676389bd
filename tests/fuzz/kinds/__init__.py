"""The kinds of cases."""

from . import annotations, caches, captions, configs, documents, images, weights

MODULES = (annotations, images, weights, configs, captions, caches, documents)
KINDS = [kind for module in MODULES for kind in module.KINDS]
