"""The kinds of cases."""

from . import annotations, caches, captions, configs, documents, images, runs, weights

MODULES = (annotations, images, weights, configs, captions, caches, documents, runs)
KINDS = [kind for module in MODULES for kind in module.KINDS]
