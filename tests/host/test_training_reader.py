"""The data manager of a DMF: phrases in place of words, and what it warns of and refuses."""

import warnings

import pytest

import aio_plugin
from aio_plugin.errors import ConfigError, DatasetError
from aio_plugin.host.run_config import TrainingIdentities, session
from aio_plugin.host.training_reader import describe, training_reader
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.training.person_dataset import Source


def photo(name, *captions):
    partners = [Media(f"{name}#{i}", Modality.TEXT, caption) for i, caption in enumerate(captions)]
    return Media(name, partners=partners)


def source(*photos):
    return Source("made_up", [Item(media, pid, 0) for pid, media in photos])


CAPTIONED = [
    (0, photo("a", "a red hat, front view")),
    (0, photo("b", "a red hat")),
    (1, photo("c", "a blue coat")),
    (1, photo("d", "a blue coat")),
]


@pytest.fixture
def dmf(torchreid):
    def given(**options):
        aio_plugin.register({"model": {"name": "dmf_tiny"}, "aio": {"encoder": {"weights": "random"}, **options}})

    given()
    return given


def read(*photos, copies=2):
    return training_reader(None, None, [source(*photos)], copies, session.latest())


def test_the_phrases_of_the_captions_become_the_vocabulary(dmf):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader, coverage = read(*CAPTIONED)
    assert reader.phrases.vocabulary.phrases == ("blue coat", "front", "red hat")
    assert describe(3, coverage) == "3 in 4 captions, 100.0% of which have one"
    assert reader.phrases("front view of a blue coat").tolist() == [1, 0]


def test_the_model_is_built_with_them(dmf, torchreid):
    reader, _ = read(*CAPTIONED)
    identities = TrainingIdentities([2], session.latest(), reader.phrases.vocabulary)
    model = torchreid.models.build_model("dmf_tiny", identities, use_gpu=False)
    assert len(model.text.vectors) == 3
    with pytest.raises(ConfigError, match="dmf_tiny with text needs the phrases of the training captions"):
        torchreid.models.build_model("dmf_tiny", 2, use_gpu=False)
    dmf(modalities=["rgb"])
    reader, _ = read(*CAPTIONED)
    assert reader.phrases is None
    assert torchreid.models.build_model("dmf_tiny", 2, use_gpu=False).text is None


def test_an_aio_model_gets_words(torchreid):
    aio_plugin.register({"model": {"name": "aio_tiny"}, "aio": {}})
    reader, coverage = read(*CAPTIONED)
    assert (reader.phrases, coverage) == (None, None)
    assert reader.lexicon is not None


def test_images_without_captions_are_counted(dmf):
    with pytest.warns(UserWarning, match="made_up: 2 of 6 images have no caption; they train without text"):
        read(*CAPTIONED, (1, photo("e")), (0, photo("f")))


def test_captions_of_a_person_serve_all_its_images(dmf):
    loose = Media("x#0", Modality.TEXT, "a green bag")
    with pytest.warns(UserWarning, match="1 of 6 images"):
        reader, _ = read(*CAPTIONED, (2, photo("e")), (2, loose), (1, photo("f")))
    assert "green bag" in reader.phrases.vocabulary.phrases


def test_captions_without_a_phrase_are_counted(dmf):
    with pytest.warns(UserWarning, match="made_up: 1 of 5 captions have no attribute phrase"):
        read(*CAPTIONED, (1, photo("e", "xyz")))


def test_no_captions_at_all(dmf):
    with pytest.raises(DatasetError, match=r"made_up: no training image has a caption.*aio\.modalities to \[rgb\]"):
        read((0, photo("a")), (0, photo("b")))


def test_persons_with_one_image_are_counted(dmf):
    with pytest.warns(UserWarning, match="made_up: 1 of 3 persons have a single RGB image"):
        read(*CAPTIONED, (2, photo("e", "a hat")))


def test_the_triplet_needs_two_images_of_a_person(dmf):
    with pytest.raises(ConfigError, match=r"RandomIdentitySampler.*aio\.dmf\.triplet to 0"):
        read(*CAPTIONED, copies=1)
    dmf(dmf={"triplet": 0.0})
    read(*CAPTIONED, copies=1)
