"""Doctor on the toy world: clean as it is, and every kind of planted damage is named."""

import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aio_plugin.__main__ import main
from aio_plugin.tools import dataset_check, installation
from aio_plugin.tools.doctor import conclusion
from aio_plugin.tools.report import Section
from aio_plugin.toy.layouts import writer

from ..datasets.miniatures.files import image
from .damage import DAMAGE, SLOW, assert_named, plant

SETS = ("SYNTH-PEDES", "LLCM", "MaSk1K", "SYSU-MM01", "PKU-Sketch", "CUHK-PEDES", "market1501")
MORE = ("FineGPR_Dataset", "RandPerson", "MSMT17_V1", "cuhk03")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A toy world whose pictures show noise instead of people, which are drawn in a minute."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8))
    encoded = {}
    for suffix, kind in ((".jpg", "JPEG"), (".png", "PNG"), (".bmp", "BMP")):
        noise.save(out := io.BytesIO(), kind)
        encoded[suffix] = out.getvalue()

    def write(job):
        path = Path(job[0]) / job[1].path
        path.write_bytes(encoded[path.suffix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "draw_picture", write)
        return writer.make(tmp_path_factory.mktemp("doctor") / "world", 8, 0, 1, False, "all")


@pytest.fixture
def root(world, tmp_path):
    """A data root to which a test copies what it damages."""
    return Copy(world, tmp_path / "data")


class Copy:
    """Hard links to the world's files: damage must replace files, never write into them."""

    def __init__(self, world, path):
        self.world, self.path = world, path
        path.mkdir()
        shutil.copy(world / "toy.json", path)

    def take(self, *folders):
        for folder in folders:
            shutil.copytree(self.world / folder, self.path / folder, copy_function=os.link)
        return self


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Runs the command; packages and encoders, which take seconds, only where they are wanted."""

    monkeypatch.setattr(installation, "import_fault", lambda module: "")  # whatever this environment can import

    def run(root, *flags, whole=False):
        if not whole:
            for part in ("packages", "encoders"):
                monkeypatch.setattr(installation, part, lambda part=part: Section(part))
        code = main(["doctor", "--root", str(root), *flags])
        printed = capsys.readouterr().out
        assert code == (printed.splitlines()[-1] != "No problems.")
        return code, printed

    return run


def problems(printed):
    """What is wrong, as printed, without line breaks; checks that the last line counts right."""
    found = [" ".join(text.split()) for text in re.findall(r"^  ! (.*(?:\n    .*)*)", printed, re.MULTILINE)]
    assert printed.splitlines()[-1] == conclusion(len(found))
    return found


def test_the_toy_world_is_clean(root, doctor):
    root.take(*SETS, *MORE)
    code, printed = doctor(root.path, whole=True)
    assert (code, problems(printed)) == (0, []), printed
    for title in ("packages", "encoders", *SETS, *MORE):
        assert re.search(rf"^{title}", printed, re.MULTILINE), title
    assert "a toy world (ids 8, seed 0, sets all, version" in printed
    assert re.search(r"train images +48 +4,791,711", printed)
    assert re.search(r"val captions +24 +6,158", printed)
    assert "toy: shipped, hash verified" in printed
    assert re.search(r"torchreid: (PyPI|upstream) \d", printed)


@pytest.mark.slow
def test_a_toy_world_with_people_is_clean(toy_world, doctor):
    code, printed = doctor(toy_world)
    assert code == 0, printed


@pytest.mark.parametrize("damage", DAMAGE)
def test_planted_damage_is_named(damage, root, doctor):
    root.take(DAMAGE[damage][0].split("/")[0])
    wanted = plant(damage, root.path)
    code, printed = doctor(root.path, *(() if damage in SLOW else ("--fast",)))
    assert code == 1
    assert_named(wanted, problems(printed))


def test_all_damage_of_a_world_is_named_at_once(root, doctor):
    root.take(*SETS)
    planted = (
        *("missing image", "unexpected image", "truncated image", "no image", "empty file", "misnamed photo"),
        *("no infrared", "no sketch", "shared identity", "broken JSON", "wrong type", "link out", "dangling link"),
    )
    wanted = [pattern for damage in planted for pattern in plant(damage, root.path)]
    code, printed = doctor(root.path)
    assert code == 1
    assert_named(wanted, problems(printed))


def test_fast_opens_no_image(root, doctor, monkeypatch):
    root.take("SYSU-MM01")
    plant("truncated image", root.path)
    monkeypatch.setattr(dataset_check, "unreadable_images", lambda *_: pytest.fail("opened images"))
    assert doctor(root.path, "--fast")[0] == 0


def test_outside_a_toy_world_counts_must_be_the_published_ones(root, doctor):
    root.take("LLCM", "market1501")
    (root.path / "toy.json").unlink()
    found = problems(doctor(root.path, "--fast")[1])
    assert len(found) == 2
    assert_named([r"llcm: counts differ from the published ones: train ids 8 \(713\)"], found)
    assert_named([r"counts differ from the published ones: train ids 8 \(751\)"], found)


def test_a_dataset_without_its_optional_half_is_whole(root, doctor):
    root.take("CUHK-PEDES")
    shutil.rmtree(root.path / "CUHK-PEDES/imgs-sketch2")
    code, printed = doctor(root.path, "--fast")
    assert code == 0, printed
    assert "tri_cuhk_pedes: not present (parts are missing)" in printed


def test_links_inside_the_root_are_no_fault(root, doctor):
    root.take("LLCM", "PKU-Sketch")
    (root.path / "LLCM/vis").rename(root.path / "elsewhere")
    (root.path / "LLCM/vis").symlink_to(root.path / "elsewhere")
    (root.path / "PKU-Sketch/sketch/around").symlink_to(root.path / "PKU-Sketch")
    assert_named([r"broken links: 1; the first: \S+/around"], found := problems(doctor(root.path, "--fast")[1]))
    assert len(found) == 1


def test_junk_is_no_fault(root, doctor):
    root.take("MaSk1K")
    (root.path / "MaSk1K/photo/train/Thumbs.db").write_bytes(b"")
    (root.path / "MaSk1K/photo/query/-1_c1s1_000001_00.jpg").write_bytes(b"not opened, but counted")
    assert doctor(root.path, "--fast")[0] == 0


@pytest.mark.parametrize("flags", [(), ("--fast",)])
def test_names_do_not_command_the_terminal(flags, root, doctor, capsys):
    root.take("PKU-Sketch")
    for folder in ("photo", "sketch", "styleAnnotation"):
        for name in (b"\x1b]0;owned\x07\n  ! 9 problems.jpg", "\u202egpj.exe.jpg".encode(), b"\xff\xfe.jpg"):
            content = (b"no image", b"", b"no image")[len(folder) % 3]
            Path(os.fsdecode(os.path.join(os.fsencode(root.path / "PKU-Sketch" / folder), name))).write_bytes(content)
    code, printed = doctor(root.path, *flags)
    assert code == 1
    assert all(line.isprintable() for line in printed.splitlines())
    assert r"\x1b]0;owned\x07\n  ! 9 problems.jpg" in printed
    assert not re.search("^ *! 9 problems", printed, re.MULTILINE)


def with_sysu_lists(root, unlisted):
    """Images of persons in no list: the first ones of 22 are published."""
    for number in range(unlisted):
        shutil.copytree(next((root / "SYSU-MM01/cam1").iterdir()), root / f"SYSU-MM01/cam1/{400 + number:04d}")
        shutil.copytree(next((root / "SYSU-MM01/cam3").iterdir()), root / f"SYSU-MM01/cam3/{400 + number:04d}")


def test_the_persons_that_sysu_mm01_lists_nowhere_are_expected(root, doctor):
    root.take("SYSU-MM01")
    with_sysu_lists(root.path, 22)
    code, printed = doctor(root.path, "--fast")
    assert code == 0, printed
    assert re.search(r"images that the dataset's own lists leave out: \d+; the first: \S+/cam1/0400/0001.jpg", printed)
    shutil.copy(root.path / "SYSU-MM01/cam1/0400/0001.jpg", root.path / "SYSU-MM01/cam1/0400/stray.jpg")
    assert_named([r"no split uses: 1; the first: \S+/cam1/0400/stray.jpg"], problems(doctor(root.path, "--fast")[1]))


def test_more_persons_in_no_list_are_not_expected(root, doctor):
    root.take("SYSU-MM01")
    with_sysu_lists(root.path, 23)
    assert_named(
        [r"images that no split uses: \d+; the first: \S+/cam1/0400"], problems(doctor(root.path, "--fast")[1])
    )


def contents(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_nothing_is_written_below_the_root(root, doctor):
    root.take("PKU-Sketch", "SYNTH-PEDES")
    shutil.rmtree(root.path / "PKU-Sketch/idx_aio", ignore_errors=True)
    before = contents(root.path)
    code, printed = doctor(root.path)
    assert code == 0
    assert "drawn, not saved" in printed
    assert contents(root.path) == before


def test_everything_in_the_root_is_accounted_for(root, doctor):
    root.take("PKU-Sketch", "SYSU-MM01")
    (root.path / "PKU-Sketch").rename(root.path / "PKUSketchRE-ID_V1")
    for folder in ("viper", "mars", "dukemtmc-reid", "mine", "sketch/aliyun/RSTPReid"):
        (root.path / folder).mkdir(parents=True)
    (root.path / "notes.txt").write_text("")
    for number in range(30):
        (root.path / f"z{number:02d}").mkdir()
    (root.path / "z\x1b[31m").mkdir()
    code, printed = doctor(root.path, "--fast")
    assert code == 0, printed
    for line in (
        "  viper: torchreid's own viper, not checked",
        "  mars: torchreid's own mars, not checked",
        "  dukemtmc-reid: torchreid's own dukemtmcreid, not checked",
        "  sketch/aliyun/RSTPReid: for tri_rstpreid, whose folder RSTPReid is not here",
        rf"  not known: mine, notes.txt, z\x1b[31m, {', '.join(f'z{number:02d}' for number in range(17))}, and 13 more",
        "PKUSketchRE-ID_V1 (pku_sketch)",
    ):
        assert line in printed.splitlines(), printed


def test_a_root_of_torchreids_datasets_alone_is_one(tmp_path, doctor):
    (tmp_path / "viper").mkdir()
    code, printed = doctor(tmp_path)
    assert code == 0
    assert "viper: torchreid's own viper" in printed


MANIFEST = "path,caption,pid,camid,modality,split\n"


def test_manifests_are_found_wherever_they_lie(tmp_path, doctor):
    for folder in ("mine", "manifest"):
        image(tmp_path / folder / "a.jpg")
        image(tmp_path / folder / "b.jpg")
        (tmp_path / folder / "list.csv").write_text(f"{MANIFEST}a.jpg,,7,1,rgb,query\nb.jpg,,7,2,rgb,gallery\n")
    (tmp_path / "top.jsonl").write_text('{"path": "mine/a.jpg", "pid": 7, "modality": "rgb", "split": "train"}\n')
    (tmp_path / "mine/other.csv").write_text("name,age\n")
    (tmp_path / "mine/broken.jsonl").write_text("[" * 100_000)
    code, printed = doctor(tmp_path)
    assert code == 0, printed
    for name, options in (
        ("mine/list.csv", "folder: mine, file: list.csv"),
        ("manifest/list.csv", "folder: manifest, file: list.csv"),
        ("top.jsonl", "folder: ., file: top.jsonl"),
    ):
        assert f"  {name}: a manifest; to read it, set aio.datasets.manifest to {{{options}}}" in printed
    assert "mine (manifest)" in printed
    (tmp_path / "mine/b.jpg").unlink()
    image(tmp_path / "mine/stray.jpg")
    assert_named(["line 3: the image 'b.jpg' is absent or empty"], problems(doctor(tmp_path)[1]))


def test_nothing_to_look_at(tmp_path, doctor):
    assert_named(["no dataset is here; --root must contain one or more of"], problems(doctor(tmp_path)[1]))


def test_without_a_root_no_data_is_looked_at(capsys, monkeypatch):
    for part in ("packages", "encoders"):
        monkeypatch.setattr(installation, part, lambda part=part: Section(part))
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "packages\n  no problems\n\nencoders\n  no problems\n\nNo problems.\n"


def test_a_wrong_root_is_a_mistake_of_the_user(tmp_path, capsys):
    assert main(["doctor", "--root", str(tmp_path / "absent")]) == 2
    assert "There is no folder" in capsys.readouterr().err
