"""What ``aio_plugin.load`` takes, what it reads from it, and what it refuses."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import aio_plugin
from aio_plugin.encoders.files import RECORD
from aio_plugin.errors import AIOError, CheckpointError, ConfigError, EncoderError, ModalityError
from aio_plugin.modality import Item, Media, Modality
from aio_plugin.search.loading import weights_of
from aio_plugin.training.media import QueryDataset, collate

from .conftest import IMAGES, write_model

CONFIG = {
    "model": {"name": "aio_tiny"},
    "data": {key.removeprefix("data."): value for key, value in IMAGES.items()},
    "aio": {"encoder": {"weights": "random"}, "bnneck": "per_modality"},
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model/model-best.pth.tar", "model/last.pth.tar", "model/model.pth.tar-9"], "model/model-best.pth.tar"),
        (["model/last.pth.tar", "model/model.pth.tar-9", "a.safetensors"], "model/last.pth.tar"),
        (["model/model.pth.tar-9", "model/model.pth.tar-10", "model/.model.pth.tar-11.tmp"], "model/model.pth.tar-10"),
        (["model.pth.tar-9", "last.pth.tar"], "last.pth.tar"),
        (["a.safetensors", "a.json"], "a.safetensors"),
        (["model/.last.pth.tar.tmp", "a.safetensors"], "a.safetensors"),
    ],
)
def test_the_file_of_a_folder(files, expected, tmp_path):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert weights_of(tmp_path) == tmp_path / expected
    assert weights_of(str(tmp_path / expected)) == tmp_path / expected


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], r"no checkpoint \(model/model-best.pth.tar, model/last.pth.tar\) and no \*.safetensors"),
        (["results.json"], "no checkpoint"),
        (["a.safetensors", "b.safetensors"], r"several files \*.safetensors; give the file itself"),
    ],
)
def test_folders_without_one(files, says, tmp_path):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=says):
        aio_plugin.load(tmp_path)


def test_the_settings_are_those_of_the_file(model, run, photos):
    assert (model.dim, model.image_size) == (192, (64, 32))
    assert list(map(str, model.modalities)) == ["rgb", "ir", "sketch", "text"]
    assert model.source == str(run / "model" / "last.pth.tar")
    assert model.settings["aio.bnneck"] == "per_modality"
    assert "aio_tiny: rgb+ir+sketch+text, 64 x 32 pixels, 192 values, cpu" in repr(model)
    from torchvision.transforms.functional import normalize, resize, to_tensor

    trained, _ = write_model(run / "again" / "a.pth")
    with torch.no_grad():
        image = resize(model.reader.picture(Media(str(photos[0]))), [64, 32])
        expected = trained(normalize(to_tensor(image), IMAGES["data.norm_mean"], IMAGES["data.norm_std"])[None])
    assert torch.equal(model.encode(photos[:1]), expected)


def test_an_export_and_a_link_are_the_same_model(model, run, photos, tmp_path):
    from safetensors.torch import save_file

    content = torch.load(run / "model" / "last.pth.tar", weights_only=True)
    save_file(content["state_dict"], tmp_path / "a.safetensors", {RECORD: json.dumps(content[RECORD])})
    (tmp_path / "link").symlink_to(run / "model" / "last.pth.tar")
    for source in (tmp_path, tmp_path / "a.safetensors", tmp_path / "link"):
        same = aio_plugin.load(source, torch.device("cpu"))
        assert same.digest == model.digest
        assert torch.equal(same.encode(photos), model.encode(photos))


def test_the_digest_tells_models_apart(model, tmp_path):
    _, file = write_model(tmp_path / "a.pth", seed=1)
    content = torch.load(file, weights_only=True)
    content[RECORD]["features"]["data.norm_mean"] = [0.5, 0.5, 0.5]
    torch.save(content, tmp_path / "b.pth")
    del content["state_dict"]["classifier.weight"]
    torch.save(content, tmp_path / "c.pth")
    digests = [aio_plugin.load(tmp_path / name, "cpu").digest for name in ("a.pth", "b.pth", "c.pth")]
    assert len({model.digest, *digests[:2]}) == 3
    assert digests[1] == digests[2]  # no feature depends on the classifier


def test_what_only_training_needed_may_be_absent(tmp_path, model, photos):
    """Datasets of others, the word embedding's file, the lexicon, and code that is compiled."""
    content = torch.load(model.source, weights_only=True)
    aio = content[RECORD]["run"]["config"]["aio"]
    aio |= {
        "datasets": {"mine": {"fold": 3}},
        "stages": [{"epochs": 1, "sources": {"mine": None}}],
        "loss": {"va": 1.0},
    }
    aio |= {"text": {"weights": "/nowhere/clip.pt"}, "attributes": {"lexicon": "/nowhere/words.json"}, "later": 3}
    aio |= {"train": {"precision": "fp16", "compile": True}, "tokenizer": {"start": "pretrained"}}
    torch.save(content, tmp_path / "a.pth")
    same = aio_plugin.load(tmp_path / "a.pth", "cpu")
    assert same.precision is torch.float32  # CPUs do not compute with fp16
    assert torch.equal(same.encode(photos), model.encode(photos))


def test_a_file_without_a_record_needs_the_config(tmp_path, model, photos):
    _, file = write_model(tmp_path / "old.pth", record=False)
    with pytest.raises(CheckpointError, match=r"does not record its settings.*Pass config=.*aio-reid export"):
        aio_plugin.load(file)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    for config in (CONFIG, tmp_path / "config.yaml"):
        same = aio_plugin.load(file, "cpu", config=config)
        assert torch.equal(same.encode(photos), model.encode(photos))
        assert same.digest == model.digest
    for wrong, error, says in (
        (
            {**CONFIG, "data": {"height": 64}},
            ConfigError,
            "lacks one of data.height, data.width, data.norm_mean.*width",
        ),
        ({**CONFIG, "aio": {**CONFIG["aio"], "bnneck": "shared"}}, CheckpointError, "aio.bnneck is 'shared'"),
        (
            {**CONFIG, "model": {"name": "osnet_x1_0"}},
            CheckpointError,
            "model 'osnet_x1_0'; aio_plugin.load takes aio, aio_vit",
        ),
        ({**CONFIG, "model": {"name": "dmf_tiny"}}, CheckpointError, "not a file of the model 'dmf_tiny'|does not fit"),
    ):
        with pytest.raises(error, match=says):
            aio_plugin.load(file, "cpu", config=wrong)


@pytest.mark.parametrize(
    ("config", "error", "says"),
    [
        ({"bnneck": "shared"}, CheckpointError, "aio.bnneck is 'shared', the weights were trained with 'per_modality'"),
        ({"aio": {}, "data": {"height": 128}}, CheckpointError, "data.height is 128, the weights .* with 64"),
        ({"modalities": ["rgb"]}, CheckpointError, "aio.modalities is"),
        ({"encoder": {"weights": ""}}, EncoderError, "was trained on encoder 'toy'"),
        ({"encoder": {"weights": "/nowhere.pt"}}, AIOError, "nowhere.pt"),
        ({"bneck": "shared"}, ConfigError, "Did you mean 'aio.bnneck'"),
        ("/nowhere.yaml", ConfigError, "cannot be read"),
    ],
)
def test_a_config_that_contradicts_the_file(config, error, says, run):
    with pytest.raises(error, match=says):
        aio_plugin.load(run, "cpu", config=config)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 3.5])
def test_devices_that_are_none(device, run):
    with pytest.raises(ConfigError, match="device"):
        aio_plugin.load(run, device)


def other(change):
    def write(path, file):
        content = torch.load(file, weights_only=True)
        change(content, content[RECORD])
        torch.save(content, path)

    return write


def cut(path, file):
    path.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGED = [
    (lambda path, file: None, CheckpointError, "no file or folder"),
    (lambda path, file: path.write_bytes(b""), EncoderError, "empty, incomplete, damaged"),
    (lambda path, file: path.write_text("<html>"), EncoderError, "web page"),
    (cut, EncoderError, "incomplete"),
    (lambda path, file: path.write_bytes(pickle.dumps(os.getcwd)), EncoderError, "cannot be read safely"),
    (lambda path, file: os.mkfifo(path), CheckpointError, "no file or folder"),
    (lambda path, file: path.symlink_to("absent"), CheckpointError, "no file or folder"),
    (lambda path, file: torch.save([1], path), EncoderError, "no state dict"),
    (lambda path, file: torch.save({"fc.weight": torch.ones(2)}, path), CheckpointError, "does not record"),
    (other(lambda c, r: c.update(aio=3)), CheckpointError, "damaged"),
    (other(lambda c, r: r.update(schema=9)), CheckpointError, "schema '9'"),
    (other(lambda c, r: r["features"].pop("data.norm_std")), CheckpointError, "damaged"),
    (other(lambda c, r: r["features"].update({"data.norm_std": [0, 1, 1]})), AIOError, "norm_std"),
    (other(lambda c, r: r["features"].update({"data.norm_mean": [float("nan")] * 3})), AIOError, "norm_mean"),
    (other(lambda c, r: r["features"].update({"data.height": 10**5, "data.width": 10**5})), AIOError, "data.height"),
    (
        other(lambda c, r: r["features"].update({"aio.tokenizer.image_size": [10**5] * 2})),
        CheckpointError,
        "image_size",
    ),
    (other(lambda c, r: r["features"].update({"aio.tokenizer.width": 10**6})), CheckpointError, "aio.tokenizer.width"),
    (other(lambda c, r: r["features"].update({"aio.text.length": 10**9})), CheckpointError, "aio.text.length"),
    (other(lambda c, r: r["features"].update({"model.name": "osnet"})), CheckpointError, "model 'osnet'"),
    (other(lambda c, r: r["features"].update({"aio.later": 3})), CheckpointError, "'aio.later', which this version"),
    (other(lambda c, r: r["features"].update({"aio": 3})), CheckpointError, "'aio', which this version"),
    (other(lambda c, r: r["features"]["aio.modalities"].append("x")), CheckpointError, "'x'.*register_modality"),
    (other(lambda c, r: r["features"].update({"aio.text.width": 10**9})), AIOError, "aio.text.width"),
    (other(lambda c, r: c["state_dict"].pop("norm.weight")), CheckpointError, "lacks 'norm.weight'"),
    (other(lambda c, r: c["state_dict"].update({"norm.weight": torch.ones(3)})), CheckpointError, "of shape"),
    (other(lambda c, r: c["state_dict"]["norm.weight"].fill_(float("nan"))), CheckpointError, "NaN"),
    (other(lambda c, r: c["state_dict"].update({"norm.weight": torch.ones(192).int()})), CheckpointError, "of type"),
    (other(lambda c, r: c["state_dict"]["encoder.identity"].zero_()), EncoderError, "was trained on encoder"),
]


@pytest.mark.parametrize(("write", "error", "says"), DAMAGED)
def test_damaged_and_foreign_files(write, error, says, run, tmp_path):
    write(tmp_path / "a.pth", run / "model" / "last.pth.tar")
    with pytest.raises(error, match=says):
        aio_plugin.load(tmp_path / "a.pth", "cpu")


def test_a_dmf_encodes_rgb(tmp_path, photos):
    trained, file = write_model(tmp_path / "dmf.pth", "dmf_tiny", dmf={"test_feature": "after"}, modalities=["rgb"])
    model = aio_plugin.load(file, "cpu")
    assert model.modalities == (Modality.RGB,)
    assert torch.equal(model.encode(rgb=photos), model.encode(photos))
    assert trained.feature_settings["aio.dmf.test_feature"] == model.settings["aio.dmf.test_feature"] == "after"
    batch = collate([QueryDataset([Item(Media(str(photos[0])), 0, 0)], model.reader)[0]])
    with torch.no_grad():
        assert torch.equal(model.encode(photos[:1]), trained(batch["rgb"]))
    with pytest.raises(ModalityError, match="does not read 'text'"):
        model.encode(rgb=photos[:1], text=["a man"])


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torchreid":
            raise ImportError("torchreid is blocked")
sys.meta_path.insert(0, Blocked())
import aio_plugin
model = aio_plugin.load(sys.argv[1], "cpu")
features = model.encode([{"rgb": sys.argv[2]}, {"text": "a man"}])
print(model.similarity(features, features).shape, model.digest)
assert not [name for name in sys.modules if name.startswith(("torchreid", "aio_plugin.host"))]
"""


def test_without_torchreid(run, photos, model):
    line = [sys.executable, "-W", "ignore", "-c", BLOCKED, str(run), str(photos[0])]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split()[-1] == model.digest


def test_a_copy_of_the_folder_is_enough(run, tmp_path, model):
    shutil.copytree(run, tmp_path / "moved")
    assert aio_plugin.load(tmp_path / "moved", "cpu").digest == model.digest


def test_the_readme(run, photos, tmp_path, monkeypatch, capsys):
    text = (Path(aio_plugin.__file__).parents[1] / "README.md").read_text()
    (block,) = (each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "aio_plugin.load" in each)
    for name, photo in zip(("a.jpg", "b.jpg", "c.jpg", "drawing.png"), photos, strict=False):
        shutil.copy(photo, tmp_path / name)
    shutil.copytree(run, tmp_path / "log" / "demo")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    ranking, contributions = capsys.readouterr().out.split("\n", 1)
    assert sorted(re.findall(r"\d", ranking)) == ["0", "1", "2"]
    assert {"sketch", "text"} <= set(re.findall(r"\w+", contributions))
