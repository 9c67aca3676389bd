"""torchreid's FeatureExtractor on AIO models: settings of the weights or of register(), and media of every modality."""

import numpy as np
import pytest
import torch
from PIL import Image

import aio_plugin
from aio_plugin.errors import AIOError, CheckpointError, MediaError
from aio_plugin.host.default_config import default_config
from aio_plugin.modality import Media, Modality

from ..helpers import build_engine, build_model, config

RANDOM = {"encoder": {"weights": "random"}}
MEAN = [0.4, 0.5, 0.6]


@pytest.fixture(scope="module")
def weights(market, tmp_path_factory):
    """Checkpoints of one run: as it is, and as version 0.1.0 wrote it, without a record."""
    folder = tmp_path_factory.mktemp("weights")
    aio_plugin.register()
    torchreid = __import__("torchreid")
    torch.manual_seed(1)
    cfg = config(market, bnneck="per_modality")
    cfg.data.norm_mean = MEAN
    build_engine(torchreid, cfg).checkpoints.save(1, 0.5, folder, best=False)
    aio_plugin.unregister()
    path = folder / "model" / "model.pth.tar-1"
    content = torch.load(path, weights_only=True)
    del content["aio"], content["rank1"]
    torch.save(content, folder / "old.pth")
    return str(path), str(folder / "old.pth")


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (80, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def extractor(torchreid, path="", **options):
    return torchreid.utils.FeatureExtractor("aio_tiny", path, device="cpu", verbose=False, **options)


def expected(torchreid, path, photo):
    """The feature of a photo by hand: resized, normalised as in training, through the trained model."""
    aio_plugin.register({"aio": {**RANDOM, "bnneck": "per_modality"}, "data": {"height": 64, "width": 32}})
    model = build_model(torchreid, classes=8).eval()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"], strict=False)
    from torchvision.transforms.functional import normalize, resize, to_tensor

    image = normalize(to_tensor(resize(Image.open(photo), [64, 32])), MEAN, [0.229, 0.224, 0.225])
    with torch.no_grad():
        return model(image[None])


@pytest.mark.parametrize("before", ["nothing", "stock config", "AIO config", "register"])
def test_the_settings_of_the_weights_are_used(before, torchreid, weights, photo):
    aio_plugin.register()
    cfg = default_config()
    if before == "stock config":
        cfg.merge_from_list(["data.height", "32"])
    if before == "AIO config":
        cfg.merge_from_list(["data.height", "32", "aio.bnneck", "shared"])
    if before == "register":
        cfg.merge_from_list(["data.height", "32"])
        aio_plugin.register({"bnneck": "per_modality"})
    found = extractor(torchreid, weights[0])(str(photo))
    assert torch.allclose(found, expected(torchreid, weights[0], photo), atol=1e-6)


@pytest.mark.parametrize("order", ["register", "merge, register", "register, merge"])
def test_weights_without_a_record_take_the_config_of_register(order, torchreid, weights, photo):
    aio_plugin.register()
    given = {"aio": {**RANDOM, "bnneck": "per_modality"}, "data": {"height": 64, "width": 32, "norm_mean": MEAN}}
    given["data"]["norm_std"] = [0.229, 0.224, 0.225]
    cfg = default_config()
    for step in order.split(", "):
        if step == "register":
            aio_plugin.register(given)
        else:
            cfg.merge_from_list(["data.height", "32"])
    found = extractor(torchreid, weights[1])(str(photo))
    assert torch.allclose(found, expected(torchreid, weights[1], photo), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"image_size": (256, 128)}, "data.height is 256, the weights were trained with 64"),
        ({"image_size": 64}, "data.width is 64"),
        ({"pixel_mean": [0.485, 0.456, 0.406]}, "data.norm_mean is .*trained with .0.4, 0.5, 0.6."),
        ({"pixel_std": [1, 1, 1]}, "data.norm_std"),
        ({"pixel_norm": False}, "pixel_norm is False"),
    ],
)
def test_arguments_that_contradict_the_weights_are_refused(registered, weights, options, says):
    with pytest.raises(CheckpointError, match=says):
        extractor(registered, weights[0], **options)


def test_arguments_count_where_the_weights_say_nothing(torchreid, weights):
    aio_plugin.register({**RANDOM, "bnneck": "per_modality", "tokenizer": {"image_size": [64, 32]}})
    given = extractor(torchreid, weights[1], image_size=(64, 32), pixel_mean=MEAN)
    resize, _, normalise = given.preprocess.transforms
    assert (resize.size, normalise.mean, normalise.std) == ((64, 32), MEAN, [0.229, 0.224, 0.225])


def test_what_register_says_otherwise_is_refused(torchreid, weights):
    aio_plugin.register({"bnneck": "shared"})
    with pytest.raises(CheckpointError, match="aio.bnneck is 'shared', the weights were trained with 'per_modality'"):
        extractor(torchreid, weights[0])
    with pytest.raises(AIOError, match=r"no weights file 'nope.pth'; set model_path"):
        extractor(torchreid, "nope.pth")
    with pytest.warns(UserWarning, match="the model is not trained"):
        extractor(torchreid)


def test_media_of_every_modality_in_their_order(registered, weights, photo):
    extract = extractor(registered, weights[0])
    caption = Media("", Modality.TEXT, "a man in a red coat")
    pixels = np.asarray(Image.open(photo))
    found = extract([str(photo), caption, pixels, Media(str(photo), Modality.IR), photo_and(caption, photo)])
    alone = [extract(each) for each in (str(photo), caption, pixels, Media(str(photo), Modality.IR))]
    assert torch.allclose(found[:4], torch.cat(alone), atol=1e-6)
    assert torch.allclose(found[0], found[2], atol=1e-6)
    assert len({tuple(row.tolist()) for row in found[[0, 1, 3, 4]]}) == 4


def photo_and(caption, photo):
    return Media(str(photo), partners=[caption])


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ("a man in a red coat", MediaError, r"no image 'a man in a red coat'. Give a caption as {'text': \.\.\.}"),
        (["a man"], MediaError, "text"),
        ([], MediaError, "empty"),
        (3, MediaError, "int"),
    ],
)
def test_text_is_not_taken_for_a_file(registered, weights, given, error, says):
    with pytest.raises(error, match=says):
        extractor(registered, weights[0])(given)


def test_subclasses_and_names_imported_before_are_served(torchreid, weights, photo):
    kind = torchreid.utils.FeatureExtractor
    before = kind.__init__, kind.__call__

    class Mine(kind):
        """A user's own."""

    aio_plugin.register()
    features = [each("aio_tiny", weights[0], device="cpu", verbose=False)(str(photo)) for each in (kind, Mine)]
    assert torch.equal(*features)
    aio_plugin.unregister()
    assert (kind.__init__, kind.__call__) == before
