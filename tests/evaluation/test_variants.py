"""A protocol's variants are scored on the same features and stand beside it in the result."""

import pytest

from aio_plugin.errors import AIOError
from aio_plugin.evaluation import results
from aio_plugin.evaluation.score import score
from aio_plugin.protocols.whole_gallery import WholeGallery

from .helpers import features, target


def run(protocol):
    at = target(protocol=protocol)
    return score(features(at.query, 3.0, 1), features(at.gallery, 3.0, 2), at.query, at.gallery, protocol, ranks=(1, 7))


def filtered():
    protocol = WholeGallery("toy", "source")
    protocol.variants = (WholeGallery("toy, original gallery"),)
    return protocol


def test_a_variant_is_what_it_is_alone():
    both = run(filtered())
    (other,) = both.variants
    assert other.to_json() == run(WholeGallery("toy, original gallery")).to_json()
    assert both.to_json()["trials"] == run(WholeGallery("toy", "source")).to_json()["trials"]
    assert other.mAP != both.mAP
    assert run(WholeGallery("toy")).variants == ()


def test_variants_land_in_the_document_and_fit_the_schema():
    entry = results.target_entry("toy@text", "text -> rgb", {"after": run(filtered())})
    (variant,) = entry["results"]["after"]["variants"]
    assert variant["protocol"] == "toy, original gallery, nothing removed"
    encoder = {"name": "e", "sha256": "0"}
    options = {"config": {}, "seed": 1, "torchreid": "x", "encoder": encoder, "sketcher": "s", "seconds": 1.0}
    assert results.document([entry], **options)["targets"] == [entry]
    variant["mean"]["mAP"] = 1.5
    with pytest.raises(AIOError, match=r"after.variants\[0\].mean.mAP"):
        results.document([entry], **options)
    del variant["mean"]
    with pytest.raises(AIOError, match=r"variants\[0\]: 'mean' is a required"):
        results.document([entry], **options)
