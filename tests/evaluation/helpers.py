"""A made-up target: people as coloured images, features near one another for one person."""

from types import SimpleNamespace

import torch
from PIL import Image

from aio_plugin.evaluation.results import document
from aio_plugin.evaluation.score import score
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.protocols.whole_gallery import WholeGallery

PEOPLE = 6
CAPTION = "A man in a <b>red</b> jacket & dark jeans, carrying a grey backpack."


def colour(pid):
    return (40 * pid + 10, 200 - 30 * pid, 90)


def render(medium):
    return Image.new("RGB", (20, 40), colour(int(str(medium).rsplit("/", 1)[-1].partition("_")[0])))


def query(pid, *modalities, source=-1):
    made = {
        Modality.RGB: lambda: Media(f"/data/{pid}_q.jpg"),
        Modality.IR: lambda: Media(f"/data/{pid}_q.jpg", Modality.IR, synthetic=True),
        Modality.SKETCH: lambda: Media(f"/data/{pid}_s.jpg", Modality.SKETCH),
        Modality.CP: lambda: Media(f"/data/{pid}_c.jpg", Modality.CP),
        Modality.TEXT: lambda: Media(f"/data/captions.json#{pid}.0", Modality.TEXT, CAPTION),
    }
    return Item(Media.joined(made[modality]() for modality in modalities), pid, 1, source)


def target(*modalities, protocol=None, people=PEOPLE):
    gallery = [Item(Media(f"/data/{pid}_{k}.jpg"), pid, 0, 3 * pid + k) for pid in range(people) for k in range(3)]
    queries = [query(pid, *(modalities or (Modality.SKETCH,)), source=3 * pid) for pid in range(people)]
    return SimpleNamespace(protocol=protocol or WholeGallery("toy"), query=queries, gallery=gallery)


def features(items, noise=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(PEOPLE, 16, generator=torch.Generator().manual_seed(99))
    return centres[[item.pid % PEOPLE for item in items]] + noise * torch.randn(len(items), 16, generator=generator)


def scored(at, noise=0.5, **options):
    """The result of a target, and the features of its queries and gallery."""
    q, g = features(at.query, noise, 1), features(at.gallery, noise, 2)
    return score(q, g, at.query, at.gallery, at.protocol, **options), q, g


def results(*entries, **facts):
    """A results document, which fits the schema."""
    encoder = {"name": "toy", "sha256": "00ff"}
    given = {"config": {}, "seed": 1, "torchreid": "x", "encoder": encoder, "sketcher": "edges", "seconds": 1, **facts}
    return document(list(entries), **given)
