"""Every dataset in miniature: name -> what builds it below a data root and says where."""

import re

from aio_plugin.datasets import all_adapters
from aio_plugin.modality import parse_written

from . import infrared, manifest, multimodal, rgb, sketch, text

ADAPTERS = all_adapters()
EVERY = {
    name: build
    for module in (rgb, infrared, sketch, text, multimodal, manifest)
    for name, build in module.BUILDERS.items()
}


def combination(query):
    """A combination, which may be one as a user writes it."""
    return parse_written(query) if isinstance(query, str) else query


def read(name, root, query=None, **options):
    return ADAPTERS[name].read(str(root), options, combination(query))


def protocol(name, root, query=None, **options):
    return ADAPTERS[name].protocol(str(root), options, combination(query))


def removed_pairs(splits, trials):
    """(query, gallery) items that the rule of some trial removes."""
    for trial in trials:
        for q, query_key in zip(trial.query, trial.query_key, strict=True):
            for g, gallery_key in zip(trial.gallery, trial.gallery_key, strict=True):
                if query_key == gallery_key >= 0:
                    yield splits.query[q], splits.gallery[g]


def removed(name, root, query=None, **options):
    """(query, gallery) items that the rule of the first trial removes."""
    splits = read(name, root, query, **options)
    trials = protocol(name, root, query, **options).trials(splits.query, splits.gallery)
    return list(removed_pairs(splits, [next(trials)]))


def names_of(items):
    return [str(item.media).rsplit("/", 1)[-1] for item in items]


def pids_of(items):
    return [item.pid for item in items]


def camids_of(items):
    return [item.camid for item in items]


def captions_of(item):
    return [media.caption for media in item.media.partners]


def assert_noted(splits, *patterns):
    """Every pattern occurs in one of the notes."""
    for pattern in patterns:
        assert any(re.search(pattern, note) for note in splits.notes), (pattern, splits.notes)
