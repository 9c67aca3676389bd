"""Packages and encoders that doctor tells of."""

import shutil

from aio_plugin.encoders import toy
from aio_plugin.errors import HostError
from aio_plugin.tools import installation
from aio_plugin.tools.torchvision_repair import import_fault

from .damage import assert_named


def test_a_toy_encoder_that_was_changed_is_named(tmp_path, monkeypatch):
    for suffix in (".safetensors", ".json"):
        shutil.copy(toy.FILE.with_suffix(suffix), tmp_path / f"toy{suffix}")
    content = bytearray(toy.FILE.read_bytes())
    content[-1] ^= 1
    (tmp_path / "toy.safetensors").write_bytes(content)
    monkeypatch.setattr(toy, "FILE", tmp_path / "toy.safetensors")
    assert_named(["is not that of the package"], installation.encoders().problems)


def test_weights_are_found_where_they_are_cached(tmp_path, monkeypatch):
    import huggingface_hub
    import torch

    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / "Meta-Transformer_base_patch16_encoder.pth"
    file.write_bytes(b"weights")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    cached = {("laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "open_clip_pytorch_model.bin"): "/cache/b16"}
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, name: cached.get((repo, name)))
    assert installation.weights_path("meta_transformer:base_patch16") == str(file)
    assert installation.weights_path("meta_transformer:large_patch14") is None
    assert installation.weights_path("open_clip:ViT-B-16") == "/cache/b16"
    assert installation.weights_path("open_clip:ViT-L-14") is None
    assert installation.weights_path("timm:vit_small_patch16_224") is None


def test_packages_that_only_we_can_import_are_named(monkeypatch):
    """Importing this package repairs torchvision here, so another process is asked."""
    faults = {"torchvision": "RuntimeError: operator torchvision::nms does not exist"}
    faults["open_clip"] = faults["torchvision"]
    monkeypatch.setattr(installation, "import_fault", lambda module: faults.get(module, ""))
    found = installation.packages().problems
    assert_named(
        ["^torchvision cannot .*nms does not exist.* run `python -m aio_plugin", "^open_clip cannot be"], found
    )
    del faults["torchvision"]
    faults["open_clip"] = "ImportError: broken"
    (problem,) = installation.packages().problems
    assert problem.endswith(
        "open_clip cannot be imported without this package: ImportError: broken. Install `pip install "
        "--force-reinstall open_clip_torch`."
    )


def test_a_module_is_imported_by_itself(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    (tmp_path / "sound.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert import_fault("broken") == "RuntimeError: operator torchvision::nms does not exist"
    assert import_fault("sound") == ""


def test_a_missing_torchreid_is_a_problem_and_no_crash(monkeypatch):
    def absent():
        raise HostError("torchreid is not installed. Install it.")

    monkeypatch.setattr(installation, "distribution", absent)
    monkeypatch.setattr(installation, "package_versions", lambda: {"python": "3", "torch": "2", "torchvision": "0"})
    monkeypatch.setattr(installation, "import_fault", lambda module: "")
    found = installation.packages().problems
    assert_named(["torchreid is not installed", "^timm is not installed", "open_clip_torch is not installed"], found)
