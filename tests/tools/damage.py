"""Damage to plant in a toy world, and what a problem must then say."""

import json
import re
import shutil

from ..datasets.miniatures.damage import content, cut, emptied, gone, lines, record, renamed_to, together

MARKET = "market1501/Market-1501-v15.09.15"


def beside(name):
    """A copy with another name in the same folder."""
    return lambda path: lambda root: shutil.copy(root / path, (root / path).with_name(name))


def copied(path):
    return lambda root: shutil.copy(root / path, root / MARKET / "bounding_box_train")


def nonsense(path):
    return lines(path, lambda rows: [*rows, "nonsense"])


def moved_out(path):
    """A link to the file, which is now outside of the data root."""

    def damage(root):
        (root / path).rename(root.parent / "outside.jpg")
        (root / path).symlink_to(root.parent / "outside.jpg")

    return damage


def dangling(path):
    return lambda root: (root / path / "photo/nowhere.jpg").symlink_to(root / "absent.jpg")


def without_infrared(path):
    unlisted = lines("LLCM/idx/train_nir.txt", lambda rows: [row for row in rows if f"/{path[-4:]}/" not in row])
    return together(unlisted, gone(path))


def without_sketches(path):
    pid = path.rsplit("/", 1)[1][:4]
    return lambda root: gone(*root.glob(f"MaSk1K/sketch/*/query/{pid}_*"))(root)


def also_tested(path):
    """The first test identity stands in this list too."""

    def damage(root):
        pid = (root / "SYSU-MM01/exp/test_id.txt").read_text().split(",")[0]
        content(path, f"{pid}," + (root / path).read_text())(root)

    return damage


def first_tested(root, path):
    """The number and the record of the first test photo."""
    return next(item for item in enumerate(json.loads((root / path).read_text())) if item[1]["split"] == "test")


def missing_sketch(path):
    return lambda root: gone(f"CUHK-PEDES/imgs-sketch2/{first_tested(root, path)[1]['file_path']}")(root)


def also_trained(path):
    return lambda root: record(path, first_tested(root, path)[0], split="train")(root)


def by(change, *arguments, **values):
    return lambda path: change(path, *arguments, **values)


UNUSED, JSON = "images that no split uses: 1; the first: ", "CUHK-PEDES/reid_raw.json"
NO = "1 of 8 .* identities have no"
UNREADABLE = "images that cannot be read: 1; the first: Cannot read the image '"
DAMAGE = {
    "missing image": ("LLCM/vis/*/*.jpg", gone, "1 of 32 images listed in LLCM/idx/train_vis.txt .*the first: {path}"),
    "unexpected image": ("LLCM/nir/*/*.jpg", beside("stray.jpg"), rf"{UNUSED}\S+/LLCM/nir/\d+/stray.jpg"),
    "renamed image": ("SYNTH-PEDES/*/*/*.jpg", renamed_to("new.jpg"), "the first: {path}", rf"{UNUSED}\S+new.jpg"),
    "truncated image": ("SYSU-MM01/*/*/*.jpg", by(cut, -300), rf"{UNREADABLE}\S+{{name}}': .*truncated"),
    "no image": (f"{MARKET}/query/*", by(content, "<html>404</html>"), rf"{UNREADABLE}\S+{{name}}'"),
    "empty file": ("MaSk1K/photo/train/*", by(content, ""), r"empty files: 1; the first: \S+{name}"),
    "missing split": ("SYSU-MM01/exp/train_id.txt", gone, r"sysu_mm01: \S+ is not complete.*exp/train_id.txt MISSING"),
    "malformed line": ("LLCM/idx/train_nir.txt", nonsense, "{path}, line 33: must be 'path label', got 'nonsense'"),
    "broken JSON": (JSON, by(cut, -40), r"{path}: not a JSON list of records, after record \d+"),
    "wrong type": ("SYNTH-PEDES/*.json", by(record, 3, id="3"), "record 3: 'id' must be a whole number .*got str '3'"),
    "link out": ("PKU-Sketch/photo/*", moved_out, r"links out .* root: 1; the first: \S+/{name} -> \S+/outside.jpg"),
    "dangling link": ("PKU-Sketch", dangling, r"broken links: 1; the first: \S+/nowhere.jpg -> \S+/absent.jpg"),
    "no infrared": ("LLCM/nir/*[5-9]", without_infrared, rf"{NO} ir; the first is that of \S+/LLCM/vis/{{name}}"),
    "no sketch": ("MaSk1K/photo/query/*", without_sketches, rf"{NO} sketch; the first .* \S+/photo/query/{{name}}"),
    "no sketch of a photo": (JSON, missing_sketch, "1 of 68 images listed .* the first: CUHK-PEDES/imgs-sketch2/"),
    "shared identity": ("SYSU-MM01/exp/train_id.txt", also_tested, r"{name} and \S+test_id.txt share 1 .* first \d+"),
    "shared captioned identity": (JSON, also_trained, r"1 identities are in train and in test, the first \d+: results"),
    "shared Market identity": (
        f"{MARKET}/query/*",
        copied,
        r"1 persons are in train and test, the first \d+\. Restore",
    ),
    "misnamed sketch": ("PKU-Sketch/sketch/7.jpg", renamed_to("x.jpg"), rf"{UNUSED}\S+/sketch/x.jpg", "have no sketch"),
    "misnamed photo": (f"{MARKET}/bounding_box_train/*", renamed_to("copy of a.jpg"), rf"{UNUSED}\S+/copy of "),
    "empty camera": ("SYSU-MM01/cam3", emptied, r"empty folders: 1; the first: \S+/cam3"),
    "too few images": (
        "SYSU-MM01/cam5/*/0010.jpg",
        gone,
        r"person \d+ has 9 images under camera 5, but the permutations",
    ),
    "missing folder": (f"{MARKET}/query", gone, r"market1501: \S+ is not complete.* query/\S+ .* MISSING"),
    "misspelt folder": ("LLCM", renamed_to("llcm"), "the folder llcm must be called LLCM"),
}
"""What is wrong -> the first path that matches, the damage to it, patterns of the problems."""
SLOW = ("truncated image", "no image")
"""What only opening the images tells."""


def plant(name, root):
    """Patterns of the problems that the damage must cause."""
    pattern, damage, *problems = DAMAGE[name]
    path = sorted(root.glob(pattern))[0].relative_to(root)
    damage(path.as_posix())(root)
    return [problem.format(path=path.as_posix(), name=path.name) for problem in problems]


def assert_named(wanted, found):
    for pattern in wanted:
        assert any(re.search(pattern, problem) for problem in found), (pattern, found)
