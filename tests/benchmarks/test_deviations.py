"""Every deviation of a shipped config from its paper has its reason in the config."""

import re

import pytest
import yaml

from aio_plugin.datasets.overlaps import leaks
from aio_plugin.errors import AIOError
from benchmarks.deviations.configs import CONFIGS, deviations, keys, paper

RECIPE = CONFIGS / "aio" / "aio_vit_b16_384x192.yaml"
LINEART = "lineart: '' # paper: sk_model.pth; "
FILES = sorted(CONFIGS.glob("*/*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_deviation_has_its_reason(path):
    found = deviations(path)
    assert len({each.key for each in found}) == len(found)
    assert all(each.paper != each.here for each in found)
    assert len(found) == path.read_text().count("# paper: ")


def test_the_papers_recipe_deviates_in_one_key():
    assert [each.key for each in deviations(RECIPE)] == ["aio.synthesis.lineart"]


@pytest.mark.parametrize("name", ["aio", "dmf"])
def test_every_key_is_said_to_be_the_papers_open_or_none_of_its(name):
    about = paper(name)
    assert about.unclassified() == []
    stated = {*about.settings, *(key for stage in about.stages.values() for key in stage)}
    assert {key for key in stated if not key.startswith("aio.datasets.")} <= set(keys())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  lr: 0.0001\n", "  lr: 0.001\n", "train.lr is 0.001; write `# paper: 0.0001; why`"),
        ("  lr: 0.0001\n", "  lr: 0.001 # paper: 0.01; why not\n", "train.lr is 0.001; write `# paper: 0.0001; why`"),
        ("  lr: 0.0001\n", "  lr: 0.001 # paper: 0.0001\n", "train.lr is 0.001; write `# paper: 0.0001; why`"),
        ("  lr: 0.0001\n", "  lr: 0.00010 # paper: 0.0001; so it is\n", "train.lr is 0.0001, as the paper has it"),
        ("  lr: 0.0001\n", "  # paper: 1; old\n\n  lr: 0.0001\n", "a line without a key: the paper says nothing of it"),
        ("  workers: 8\n", "  workers: 8 # paper: 4; more\n", "data.workers: the paper says nothing of it"),
        (LINEART, "cache: '' # ", "aio.synthesis.lineart is ''; write `# paper: sk_model.pth; why`"),
        ("    - epochs: 80\n", "    - epochs: 8\n", "then 80 epochs of synth_pedes (+ir +sketch), llcm, mask1k; why`"),
    ],
)
def test_what_is_refused(old, new, says, tmp_path):
    text = RECIPE.read_text()
    assert text.count(old) == 1
    path = tmp_path / RECIPE.name
    path.write_text(text.replace(old, new))
    with pytest.raises(AIOError, match=re.escape(says)) as caught:
        deviations(path)
    assert str(caught.value).count("\n") == 1


def test_reasons_stand_behind_a_key_or_above_it(tmp_path):
    path = tmp_path / RECIPE.name
    reason = "  # no reason\n  # paper: 0.0001; a reason\n  # of two lines\n  lr: 0.5\n  # none\n"
    path.write_text(RECIPE.read_text().replace("  lr: 0.0001\n", reason))
    (rate,) = (each for each in deviations(path) if each.key == "train.lr")
    assert rate == ("train.lr", "0.0001", "Sec. 4.1", "0.5", "a reason of two lines")


def test_the_recipe_says_of_its_targets_what_the_run_warns_of():
    text = RECIPE.read_text()
    data = yaml.safe_load(text)["data"]
    names = dict.fromkeys(target.partition("@")[0] for target in data["targets"])
    warned = {target: leaks(data["sources"], target) for target in names}
    (first, second), sources = re.findall(r"^# mask1k (.*)\n# (.*)$", text, re.MULTILINE)[0], {"mask1k"}
    said = f"{first} {second}"
    for target, warnings in warned.items():
        assert (target in re.findall(r"\w+", said)) == bool(warnings), target
        for warning in warnings:
            assert {source for source in data["sources"] if warning.startswith(source)} == sources
            assert all(words in warning for words in ("test persons may have been trained on", "Leave mask1k out"))
    assert "test persons may have been trained on, of which the run warns. Leave mask1k out of data.sources" in said
