"""FineGPR, MALS, LUPerson-T and the UFine sets: damage."""

import json
import shutil

import pytest

from aio_plugin.errors import DatasetError

from ..miniatures import EVERY, read
from ..miniatures import text as made
from ..miniatures.files import write

JSON = {
    "mals": ("data/gene_attrs/g_4x_attrs.json", made.MALS_FILES["g_4x_attrs.json"]),
    "luperson_t": ("LuPerson_caption_all_some_2v.json", made.LUPERSON_T_RECORDS),
    "ufine6926": ("UFine6926_Annotations_1024.json", made.UFINE6926_RECORDS),
    "ufine3c": ("anno.json", made.UFINE3C_RECORDS),
}
PATHS = {"mals": "image"}
CAPTIONS = {"mals": "caption"}


def damages(name):
    path, caption = PATHS.get(name, "file_path"), CAPTIONS.get(name, "captions")
    yield path, None, f"record 1 has no '{path}'"
    yield path, 5, f"record 1: '{path}' must be a string"
    yield path, "../../x.jpg", "does not stay inside"
    yield path, "nobody/x.jpg", "the first: .*nobody/x.jpg"
    yield caption, None, f"record 1 has no '{caption}'"
    yield caption, 7, f"record 1: '{caption}' must be a "
    yield caption, ["a", 2] if name != "mals" else ["a"], f"record 1: '{caption}'"
    if name.startswith("ufine"):
        yield "id", "1", "record 1: 'id' must be a whole number"
        yield "split", "valid", "'split' must be one of train, test"


@pytest.mark.parametrize(
    ("name", "key", "value", "says"), [(name, *damage) for name in JSON for damage in damages(name)]
)
def test_damaged_records(tmp_path, name, key, value, says):
    base = EVERY[name](tmp_path)
    file, records = JSON[name]
    changed = [dict(record) for record in records]
    changed[1].update({key: value})
    if value is None:
        del changed[1][key]
    write(base / file, json.dumps(changed))
    with pytest.raises(DatasetError, match=says):
        read(name, tmp_path)


@pytest.mark.parametrize("name", sorted(JSON))
@pytest.mark.parametrize("content", [b"[", b"{}", b"[]", b"[3]", b"nonsense", b'[{"id": "\xff"}]'])
def test_files_that_are_no_annotations(tmp_path, name, content):
    base = EVERY[name](tmp_path)
    (base / JSON[name][0]).write_bytes(content)
    with pytest.raises(DatasetError):
        read(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "gone"),
    [("mals", "images/MALS/gene_crop/4x/0.jpg"), ("luperson_t", "images/000001_0004.jpg"), ("ufine3c", "images/2.jpg"),
     ("ufine6926", "images/10.jpg")],
)  # fmt: skip
def test_absent_and_empty_images(tmp_path, name, gone):
    base = EVERY[name](tmp_path)
    (base / gone).write_bytes(b"")
    with pytest.raises(DatasetError, match=f"the first: {base.name}/{gone}"):
        read(name, tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("finegpr", "FineGPR_subset"), ("finegpr_c", "FineGPR_subset")])
def test_empty_folders(tmp_path, name, folder):
    base = EVERY[name](tmp_path)
    shutil.rmtree(base / folder)
    (base / folder).mkdir()
    with pytest.raises(DatasetError, match="is left to train on"):
        read(name, tmp_path)
