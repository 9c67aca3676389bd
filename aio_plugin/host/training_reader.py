"""The reader of training media: captions as AIO's masked words, or as DMF's attribute phrases."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..config import AIOConfig
from ..errors import ConfigError
from ..heads.lexicon import Lexicon
from ..heads.phrases import Phrases
from ..heads.vocabulary import Coverage, PhraseReader, gather_vocabulary
from ..modality import Modality
from ..models.specs import DMF_NAMES, readable
from ..synthesis.sketch import Sketcher
from ..training.media import MediaReader
from ..training.person_dataset import Source
from ..training.transforms import Transform
from .run_config import RunConfig


def training_reader(
    transform: Transform, sketcher: Sketcher, sources: Sequence[Source], copies: int, config: RunConfig
) -> tuple[MediaReader, Coverage | None]:
    """The reader of training media for the model of the config, and how many of the captions phrases cover.

    For a DMF with text the reader's ``phrases.vocabulary`` holds the phrases of all training captions.

    Args:
        copies: items of one person in a batch.

    Raises:
        ConfigError: DMF's triplet needs two images of a person in a batch.
        DatasetError: DMF is to train with text, and no image has a caption.
    """
    options = config.options()
    lexicon, attributes = Lexicon.load(options.attributes.lexicon), options.attributes
    if config.model not in DMF_NAMES:
        masked = lexicon if options.loss.va else None
        length = options.text.length
        return MediaReader(transform, length, sketcher, masked, attributes.fraction, attributes.most), None
    _check_triplet(options, sources, copies)
    phrases, coverage = None, None
    if Modality.TEXT in readable(config.model, options):
        extract = Phrases(lexicon)
        captions = (caption for source in sources for caption in source.captions())
        vocabulary, coverage = gather_vocabulary(captions, extract, " + ".join(source.name for source in sources))
        for source in sources:
            lacking = source.lacking(Modality.TEXT)
            if lacking.any():
                counts = f"{lacking.sum()} of {len(lacking)}"
                warnings.warn(f"{source.name}: {counts} images have no caption; they train without text.", stacklevel=2)
        phrases = PhraseReader(extract, vocabulary, options.dmf.phrases)
    return MediaReader(transform, options.text.length, sketcher, phrases=phrases), coverage


def describe(phrases: int, coverage: Coverage) -> str:
    """For example ``134 in 512 captions, 99.4% of which have one``."""
    return f"{phrases} in {coverage.captions} captions, {coverage.share:.1%} of which have one"


def _check_triplet(options: AIOConfig, sources: Sequence[Source], copies: int) -> None:
    if options.dmf.triplet and copies < 2:
        raise ConfigError(
            "aio.dmf.triplet needs two images of a person in a batch; set sampler.train_sampler to "
            "RandomIdentitySampler and sampler.num_instances to 2 or more (DMF: 4), or aio.dmf.triplet to 0."
        )
    for source in sources if options.dmf.triplet else ():
        lone = int((source.anchors.sizes == 1).sum())
        if lone:
            warnings.warn(
                f"{source.name}: {lone} of {len(source.persons)} persons have a single RGB image; the triplet compares "
                "it with itself under other transforms.",
                stacklevel=3,
            )
