"""Damage to plant in a toy world: each takes the data root and returns what a problem must then say."""

import json
import re
import shutil

MARKET = "market1501/Market-1501-v15.09.15"


def replace(path, content):
    path.unlink()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def missing_listed_image(root):
    line = (root / "LLCM/idx/train_vis.txt").read_text().split()[0]
    (root / "LLCM" / line).unlink()
    return rf"1 of 32 images listed in LLCM/idx/train_vis.txt are absent or empty; the first: LLCM/{line}"


def unexpected_image(root):
    photo = next((root / "LLCM/nir").glob("*/*.jpg"))
    shutil.copy(photo, photo.with_name("stray.jpg"))
    return r"images that no split uses: 1; the first: \S+/LLCM/nir/\d+/stray.jpg"


def renamed_listed_image(root):
    photo = sorted((root / "SYNTH-PEDES").rglob("*.jpg"))[0]
    photo.rename(photo.with_name("renamed.jpg"))
    return (
        rf"the first: {photo.relative_to(root).as_posix()}",
        r"images that no split uses: 1; the first: \S+renamed.jpg",
    )


def truncated_image(root):
    photo = sorted((root / "SYSU-MM01").rglob("*.jpg"))[7]
    replace(photo, photo.read_bytes()[:-300])
    return rf"images that cannot be read: 1; the first: Cannot read the image '\S+{photo.name}': .*truncated"


def no_image(root):
    photo = sorted((root / MARKET / "query").iterdir())[0]
    replace(photo, "<html>404</html>")
    return rf"images that cannot be read: 1; the first: Cannot read the image '\S+{photo.name}'"


def empty_file(root):
    photo = sorted((root / "MaSk1K/photo/train").iterdir())[0]
    replace(photo, "")
    return rf"empty files: 1; the first: \S+{photo.name}"


def missing_split_file(root):
    (root / "SYSU-MM01/exp/train_id.txt").unlink()
    return r"sysu_mm01: \S+ is not complete.*exp/train_id.txt MISSING"


def malformed_line(root):
    file = root / "LLCM/idx/train_nir.txt"
    replace(file, file.read_text() + "nonsense\n")
    return r"LLCM/idx/train_nir.txt, line 33: must be 'path label', got 'nonsense'"


def broken_json(root):
    file = root / "CUHK-PEDES/reid_raw.json"
    replace(file, file.read_text()[:-40])
    return r"CUHK-PEDES/reid_raw.json: not a JSON list of records, after record \d+"


def wrong_type(root):
    file = root / "SYNTH-PEDES/synthpedes_dataset.json"
    records = json.loads(file.read_text())
    records[3]["id"] = "3"
    replace(file, json.dumps(records))
    return r"record 3: 'id' must be a whole number from 0 on, got str '3'"


def link_out_of_the_root(root):
    photo = sorted((root / "PKU-Sketch/photo").iterdir())[0]
    outside = root.parent / "outside.jpg"
    photo.rename(outside)
    photo.symlink_to(outside)
    return rf"links out of the data root: 1; the first: \S+/{photo.name} -> \S+/outside.jpg"


def dangling_link(root):
    (root / "PKU-Sketch/photo/nowhere.jpg").symlink_to(root / "absent.jpg")
    return r"broken links: 1; the first: \S+/nowhere.jpg -> \S+/absent.jpg"


def identity_without_infrared(root):
    file = root / "LLCM/idx/train_nir.txt"
    lines = file.read_text().splitlines()
    label = lines[-1].split()[1]
    replace(file, "\n".join(line for line in lines if line.split()[1] != label) + "\n")
    shutil.rmtree(root / "LLCM" / lines[-1].rsplit("/", 1)[0])
    return r"1 of 8 training identities have no ir; the first is that of \S+/LLCM/vis/"


def identity_without_sketch(root):
    pid = sorted((root / "MaSk1K/photo/query").iterdir())[0].name[:4]
    for file in root.glob(f"MaSk1K/sketch/*/query/{pid}_*"):
        file.unlink()
    return rf"1 of 8 test identities have no sketch; the first is that of \S+/photo/query/{pid}_"


def identity_in_train_and_test(root):
    exp = root / "SYSU-MM01/exp"
    pid = (exp / "test_id.txt").read_text().split(",")[0].strip()
    replace(exp / "train_id.txt", f"{pid}," + (exp / "train_id.txt").read_text())
    return rf"train_id.txt and \S+test_id.txt share 1 identities, the first {int(pid)}"


def captioned_identity_in_train_and_test(root):
    file = root / "CUHK-PEDES/reid_raw.json"
    records = json.loads(file.read_text())
    record = next(record for record in records if record["split"] == "test")
    record["split"] = "train"
    replace(file, json.dumps(records))
    return rf"1 identities are in train and in test, the first {record['id']}: results mislead"


def misnamed_file(root):
    sketch = root / "PKU-Sketch/sketch/7.jpg"
    sketch.rename(sketch.with_name("seven.jpg"))
    return r"images that no split uses: 1; the first: \S+/sketch/seven.jpg", r"test identities have no sketch"


def empty_camera(root):
    shutil.rmtree(root / "SYSU-MM01/cam3")
    (root / "SYSU-MM01/cam3").mkdir()
    return r"empty folders: 1; the first: \S+/cam3"


def missing_camera_images(root):
    person = next(path for path in sorted((root / "SYSU-MM01/cam5").iterdir()) if len(list(path.iterdir())) == 10)
    (person / "0002.jpg").unlink()
    return rf"person {int(person.name)} has 9 images under camera 5, but the permutations define"


def missing_sketch_of_a_photo(root):
    tested = next(r for r in json.loads((root / "CUHK-PEDES/reid_raw.json").read_text()) if r["split"] == "test")
    (root / "CUHK-PEDES/imgs-sketch2" / tested["file_path"]).unlink()
    return r"1 of 68 images listed in the annotations are absent or empty; the first: CUHK-PEDES/imgs-sketch2/"


def misnamed_market_photo(root):
    photo = sorted((root / MARKET / "bounding_box_train").iterdir())[0]
    photo.rename(photo.with_name(f"copy of {photo.name}"))
    return r"images that no split uses: 1; the first: \S+/copy of "


def market_identity_in_train_and_test(root):
    photo = sorted((root / MARKET / "query").iterdir())[0]
    shutil.copy(photo, root / MARKET / "bounding_box_train")
    return rf"1 persons are in train and test, the first {int(photo.name[:4])}\. Restore"


def missing_market_folder(root):
    shutil.rmtree(root / MARKET / "query")
    return r"market1501: \S+ is not complete.* query/\S+ .* MISSING"


def misspelt_folder(root):
    (root / "LLCM").rename(root / "llcm")
    return r"the folder llcm must be called LLCM"


DAMAGE = {
    missing_listed_image: "LLCM",
    unexpected_image: "LLCM",
    renamed_listed_image: "SYNTH-PEDES",
    truncated_image: "SYSU-MM01",
    no_image: "market1501",
    empty_file: "MaSk1K",
    missing_split_file: "SYSU-MM01",
    malformed_line: "LLCM",
    broken_json: "CUHK-PEDES",
    wrong_type: "SYNTH-PEDES",
    link_out_of_the_root: "PKU-Sketch",
    dangling_link: "PKU-Sketch",
    identity_without_infrared: "LLCM",
    identity_without_sketch: "MaSk1K",
    identity_in_train_and_test: "SYSU-MM01",
    captioned_identity_in_train_and_test: "CUHK-PEDES",
    misnamed_file: "PKU-Sketch",
    empty_camera: "SYSU-MM01",
    missing_camera_images: "SYSU-MM01",
    missing_sketch_of_a_photo: "CUHK-PEDES",
    misnamed_market_photo: "market1501",
    market_identity_in_train_and_test: "market1501",
    missing_market_folder: "market1501",
    misspelt_folder: "LLCM",
}
SLOW = (truncated_image, no_image)
"""What only opening the images tells."""


def assert_named(wanted, found):
    for pattern in wanted:
        assert any(re.search(pattern, problem) for problem in found), (pattern, found)
