"""A user's own data by a manifest: what it becomes, and that every wrong row is told with its line."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.reading.checks import Fault
from aio_plugin.errors import ConfigError, DatasetError, ModalityError
from aio_plugin.evaluation.queries import needed
from aio_plugin.evaluation.score import score
from aio_plugin.modality import MODALITIES, format_combination
from aio_plugin.protocols.base import REMOVAL_RULES

from . import miniatures
from .miniatures import ADAPTERS, assert_noted, camids_of, pids_of
from .miniatures.files import image, write
from .miniatures.manifest import COLUMNS, MANIFEST, as_csv, as_jsonl, manifest, row

ADAPTER = ADAPTERS["manifest"]
RGB, IR, SKETCH, TEXT, CP = MODALITIES
read, protocol = partial(miniatures.read, "manifest"), partial(miniatures.protocol, "manifest")


def short(item):
    return [m.caption or str(m).split("/manifest/")[1] for m in item.media.parts]


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.jsonl", "other.CSV"])
def test_splits(tmp_path, name):
    base = manifest(tmp_path, name=name)
    splits = read(tmp_path, file=name)
    assert [(short(item), item.pid) for item in splits.train] == [
        (["a/2.jpg"], 1), (["a/1.jpg", "a/1s.png", "A woman, red coat."], 0), (["a/1.png"], 0),
        (['She said "hi",\r\nthen left.'], 1),
    ]  # fmt: skip
    assert [short(item) for item in splits.query] == [
        ["b/7s.png", "A tall man, grey bag."], ["b/9.png"], ["c/2.jpg"], ["A man."],
    ]  # fmt: skip
    assert [short(item) for item in splits.gallery] == [["b/7.jpg"], ["b/8.jpg"], ["c/1.bmp"]]
    assert [item.media.combination for item in splits.query] == [(SKETCH, TEXT), (IR,), (RGB,), (TEXT,)]
    assert [item.source for item in splits.query] == [0, -1, -1, 2]
    assert [item.source for item in splits.gallery] == [0, 1, 2]
    assert len({item.pid for item in splits.query[:2]} | {item.pid for item in splits.gallery[:2]}) == 1
    assert splits.found == {
        "train ids": 2, "train rgb": 2, "train ir": 1, "train sketch": 1, "train text": 2,
        "query ids": 2, "query rgb": 1, "query ir": 1, "query sketch": 1, "query text": 2,
        "gallery ids": 2, "gallery rgb": 3,
    }  # fmt: skip
    assert all(str(m).startswith(str(base)) for i in splits.query for m in i.media.parts)


def test_captions_are_named_by_their_line(tmp_path):
    manifest(tmp_path)
    lines = [str(m).rsplit("#")[1] for i in read(tmp_path).query for m in i.media.parts if m.modality is TEXT]
    assert lines == ["13", "16"], "line 7's caption goes on in line 8"


def test_camera_numbers(tmp_path):
    manifest(tmp_path)
    splits = read(tmp_path)
    hall, yard, hall_too = camids_of(splits.gallery)
    assert hall == hall_too != yard
    mixed, ir, rgb, text = camids_of(splits.query)
    assert rgb == hall
    assert ir not in (hall, yard), "an infrared camera is another one, whatever it is called"
    assert not {mixed, text} & {hall, yard}, "captions and sketches have none"
    assert set(camids_of(splits.train)) == {0, 1, 2, 3}


def test_an_image_without_camera_never_meets_another(tmp_path):
    manifest(tmp_path, [row("rgb", "1", "query", "q.jpg"), row("rgb", "1", "gallery", "g.jpg")])
    splits = read(tmp_path)
    assert camids_of(splits.query) != camids_of(splits.gallery)
    assert_noted(splits, "no row of query or gallery has a 'camid'")


@pytest.mark.parametrize(("pids", "numbers"), [(("7", "007", "12"), [7, 7, 12]), (("b", "10", "9"), [2, 0, 1])])
def test_pids_are_numbers_if_all_are(tmp_path, pids, numbers):
    manifest(tmp_path, [row("rgb", pid, "gallery", f"{k}.jpg") for k, pid in enumerate(pids)])
    assert pids_of(read(tmp_path).gallery) == numbers


def test_training_labels_are_sorted_as_the_numbers_are(tmp_path):
    manifest(tmp_path, [row("rgb", pid, "train", f"{pid}.jpg") for pid in ("10", "9", "300")])
    assert pids_of(read(tmp_path).train) == [1, 0, 2]


def test_json_takes_whole_numbers(tmp_path):
    manifest(tmp_path, [row("rgb", 7, "gallery", "1.jpg", camid=2, group=3)], name="m.jsonl")
    assert pids_of(read(tmp_path, file="m.jsonl").gallery) == [7]


def test_queries_come_from_the_data(tmp_path):
    manifest(tmp_path)
    assert ADAPTER.queries == ()
    found = ADAPTER.queries_in(str(tmp_path), {})
    assert [format_combination(each) for each in found] == ["sketch+text", "ir", "rgb", "text"]
    assert [short(item) for item in read(tmp_path, "text").query] == [["A man."]]
    assert needed((SKETCH,), found) == (SKETCH, TEXT)
    with pytest.raises(ModalityError, match="manifest has no cp queries of its own; it has sketch"):
        read(tmp_path, "cp")


def test_protocols(tmp_path):
    for removal in ("same_camera", "none", "source"):
        alone = protocol("", "text", removal=removal)
        assert (alone.removal, alone.grouping) == (removal, "none")
        mixed = protocol("", removal=removal)
        assert (mixed.removal, mixed.grouping) == (removal, "combination")
        assert REMOVAL_RULES[removal] in mixed.name
        assert "manifest/manifest.csv" in mixed.name


def pairs(root, **options):
    splits = read(root, **options)
    trials = protocol(root, **options).trials(splits.query, splits.gallery)
    return [(short(item)[0], short(photo)[0]) for item, photo in miniatures.removed_pairs(splits, trials)]


def test_removal_rules(tmp_path):
    manifest(tmp_path)
    assert pairs(tmp_path) == [("c/2.jpg", "c/1.bmp")], "same person, camera and modality"
    assert pairs(tmp_path, removal="none") == []
    assert pairs(tmp_path, removal="source") == [("b/7s.png", "b/7.jpg"), ("A man.", "c/1.bmp")]
    names = [trial.name for trial in protocol("").trials(read(tmp_path).query, read(tmp_path).gallery)]
    assert names == ["sketch+text", "ir", "rgb", "text"]


def test_a_photo_that_is_part_of_its_query_leaves_by_source(tmp_path):
    rows = [
        row("rgb", "1", "gallery", "1.jpg"), row("rgb", "1", "gallery", "2.jpg"),
        row("rgb", "1", "query", "1.jpg", group="a"), row("text", "1", "query", caption="One.", group="a"),
        row("rgb", "1", "query", "1.jpg", group="b"), row("text", "1", "query", caption="Two.", group="b"),
    ]  # fmt: skip
    manifest(tmp_path, rows)
    assert pairs(tmp_path, removal="source") == [("1.jpg", "1.jpg")] * 2
    assert_noted(read(tmp_path), "2 queries were made from an image that stays in the gallery")


def test_galleries_of_several_modalities(tmp_path):
    rows = [row(m, "1", "gallery", f"{m}.png", "c", group="x") for m in ("rgb", "ir")]
    manifest(tmp_path, [*rows, row("ir", "1", "query", "q.png")])
    (item,) = read(tmp_path).gallery
    assert item.media.combination == (RGB, IR)


def test_scores_are_means_over_combinations_of_a_slow_count(tmp_path):
    rows = [*MANIFEST, row("rgb", "carl", "gallery", "c/3.jpg", "yard"), row("text", "ben", "query", caption="Hat.")]
    manifest(tmp_path, rows)
    splits = read(tmp_path)
    rng = np.random.default_rng(1)
    q, g = rng.normal(size=(5, 6)), rng.normal(size=(4, 6))
    result = score(torch.tensor(q), torch.tensor(g), splits.query, splits.gallery, protocol("", removal="source"))
    aps = {}
    for item, feature in zip(splits.query, q, strict=True):
        left = [j for j in range(4) if j != item.source]
        left.sort(key=lambda j: -feature @ g[j] / np.linalg.norm(g[j]))
        hits = [rank for rank, j in enumerate(left, 1) if splits.gallery[j].pid == item.pid]
        aps.setdefault(item.media.combination, []).append(sum(k / rank for k, rank in enumerate(hits, 1)) / len(hits))
    assert len(aps) == 4
    assert result.mAP == pytest.approx(np.mean([np.mean(each) for each in aps.values()]), abs=1e-6)


WRONG_ROWS = [
    (row("rgb", "", "train", "x.jpg"), "line 2: 'pid' is empty"),
    (row("rgb", "1", "test", "x.jpg"), "line 2: 'split' must be train, query, gallery, got 'test'"),
    (row("rbg", "1", "train", "x.jpg"), "line 2: unknown modality 'rbg'. Did you mean 'rgb'"),
    (row("", "1", "train", "x.jpg"), "line 2: unknown modality ''"),
    (row("text", "1", "train"), "line 2: modality text, but no 'caption'"),
    (row("ir", "1", "train"), "line 2: modality ir, but no 'path'"),
    (row("rgb", "1", "train", "x.jpg", caption="A man."), "line 2: has a 'path' and a 'caption'"),
    (row("rgb", "1", "train", "../x.jpg"), "line 2: 'path': .* does not stay inside"),
    (row("rgb", "1", "train", "/x.jpg"), "does not stay inside"),
    (row("text", "1", "train", caption="A", source="../x"), "line 2: 'source': .* does not stay inside"),
]


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.jsonl"])
@pytest.mark.parametrize(("wrong", "says"), WRONG_ROWS)
def test_wrong_rows(tmp_path, wrong, says, name):
    base = manifest(tmp_path, [], name=name)
    image(base / "x.jpg")
    write(base / name, (as_csv if name.endswith("csv") else as_jsonl)([wrong]))
    with pytest.raises(DatasetError, match=says if name.endswith("csv") else says.replace("line 2", "line 1")) as error:
        read(tmp_path, file=name)
    assert name in str(error.value)


def photo(split, pid="1", path="1.jpg", **more):
    return row("rgb", pid, split, path, **more)


def text(split, pid="1", caption="A", **more):
    return row("text", pid, split, caption=caption, **more)


LINKS = [
    ([photo("train")] * 2, "line 3: repeats the image of line 2"),
    ([photo("query"), photo("gallery", "2")], "line 3: .*line 2 has another pid"),
    ([photo("train"), photo("gallery")], "line 3: .*cannot be in train and"),
    ([photo("train", source="1.jpg")], "line 2: an rgb image has no 'source'"),
    ([photo("gallery", source="1.jpg")], "line 2: 'source' has no meaning in gallery"),
    ([photo("gallery"), text("train", source="1.jpg")], "line 3: 'source' is not the path of an rgb row in train"),
    ([photo("query"), text("query", source="1.jpg")], "line 3: 'source' is not the path of a row in gallery"),
    ([row("ir", "1", "train", "1.png"), text("train", source="1.png")], "line 3: 'source' is not .* of an rgb row"),
    ([photo("train"), text("train", "2", source="1.jpg")], "line 3: 'source' is in line 2, of pid '1', not '2'"),
    ([photo("train", group="g")], "line 2: 'group' joins queries"),
    ([photo("query", group="g"), text("query", "2", group="g")], "line 3: group 'g' begins in line 2 with another pid"),
    ([text("query", group="g")] * 2, "line 3: group 'g' has a second part of modality text"),
    ([photo("query")], "has queries and no gallery"),
    ([photo("gallery"), text("query")], "no query row of .* names its 'source'.*same_camera or none"),
]


@pytest.mark.parametrize(("rows", "says"), LINKS)
def test_rows_that_contradict_one_another(tmp_path, rows, says):
    manifest(tmp_path, rows)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path, removal="source")


def test_many_wrong_rows_are_told_at_once(tmp_path):
    base = manifest(tmp_path)
    rows = [
        *MANIFEST,
        *(row("rgb", "x", "train", f"gone/{k}.jpg") for k in range(13)),
        row("rgb", "", "tset", "a/2.jpg"),
    ]
    write(base / "manifest.csv", as_csv(rows))
    (base / "a/1.jpg").write_bytes(b"")
    with pytest.raises(DatasetError) as error:
        read(tmp_path)
    message = str(error.value)
    assert "15 wrong rows. Correct the file:\n  line 3: the image 'a/1.jpg' is absent or empty" in message
    assert message.count("\n  line ") == 10
    assert message.endswith("and 6 more")


FILES = [
    ("", "no column 'pid'|has no rows"),
    ("path,pid,modality,split\n", "has no rows"),
    ("path;pid;modality;split\n", "not separated by commas"),
    ("path,pids,modality,split\n", "unknown column 'pids'. Did you mean 'pid'"),
    ("path,pid,split\n", "there is no column 'modality'"),
    ("path,pid,pid,modality,split\n", "column 'pid' is repeated"),
    ("path,pid,modality,split\na,b\n", "line 2: 2 fields for 4 columns"),
    ('path,pid,modality,split\n"a,b\n', "line 2: unexpected end of data"),
    ("path,pid,modality,split\nä,1,rgb,train".encode("latin-1"), "UTF-8"),
    ('path,pid,modality,split\n"a"b,1,rgb,train\n', "line 2: .*Close every double quote"),
    ("path,pid,modality,split\na\0,b,rgb,train\n", "stay inside|NUL"),
]


@pytest.mark.parametrize(("text", "says"), FILES)
def test_files_that_are_no_manifests(tmp_path, text, says):
    write(tmp_path / "manifest/manifest.csv", text)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path)


JSON_LINES = [
    ("[]", "line 1: not an object but list"),
    ("{", "line 1: not JSON"),
    ('{"pid": true, "modality": "rgb", "split": "train", "path": "a"}', "line 1: 'pid' must be a string or a whole"),
    ('{"pid": 1.0, "modality": "rgb", "split": "train", "path": "a"}', "line 1: 'pid' must be"),
    ('{"pid": 1, "modality": 3, "split": "train", "path": "a"}', "line 1: 'modality' must be a string, got int 3"),
    ('{"pid": 1, "id": 3}', "line 1: unknown key 'id'. Did you mean 'pid'"),
    ('\n\n{"pid": "\\ud800", "modality": "text", "split": "train", "caption": "a"}', "line 3: contains half"),
    ("{}", "has no rows"),
    ("[" * 100_000, "line 1: not JSON"),
]


@pytest.mark.parametrize(("text", "says"), JSON_LINES)
def test_lines_that_are_no_rows(tmp_path, text, says):
    write(tmp_path / "manifest/m.jsonl", text)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path, file="m.jsonl")


cells = st.sampled_from(["", "1", "x.jpg", "rgb", "text", "train", "query", "gallery", "a\0", "\ud800", "..", "g"])
SOUND = [
    row("rgb", "1", "train", "x.jpg", "hall"),
    row("text", "1", "train", caption="A man.", source="x.jpg"),
    row("rgb", "2", "gallery", "y.jpg", "hall"),
    row("text", "2", "query", caption="A man.", source="y.jpg", group="g"),
]
CHANGES = st.tuples(
    st.sampled_from(range(len(SOUND))),
    st.sampled_from(COLUMNS),
    cells | st.text(max_size=3) | st.none() | st.integers(-1, 9),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, max_size=3), st.permutations(SOUND))
@example([], SOUND)
def test_any_rows_read_or_are_a_dataset_error(tmp_path, changes, rows):
    rows = [{name: value or None for name, value in each.items()} for each in rows]
    for at, column, value in changes:
        rows[at][column] = value
    for name in "xy":
        image(tmp_path / f"manifest/{name}.jpg")
    write(tmp_path / "manifest/m.jsonl", "\n".join(map(json.dumps, rows)))
    try:
        splits = read(tmp_path, file="m.jsonl")
    except DatasetError:
        assert changes, "the rows are sound"
    else:
        counts = [len(part) for part in (splits.train, splits.query, splits.gallery)]
        assert 0 < sum(counts) <= len(rows)
        assert changes or counts == [1, 1, 1], "a caption of a photo goes with it"


def test_people_in_train_and_test_or_lost_are_faults(tmp_path):
    rows = [row("rgb", "1", "train", "1.jpg"), row("rgb", "1", "gallery", "2.jpg"), row("ir", "2", "query", "3.png")]
    manifest(tmp_path, [*rows, row("ir", "5", "train", "4.png")])
    splits = read(tmp_path)
    assert sum(isinstance(note, Fault) for note in splits.notes) == 2
    assert_noted(
        splits, "1 identities are in train and", "1 of 1 queries show people", "1 training persons have no rgb"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"folder": "../x"}, "below data.root"),
        ({"folder": "/x"}, "below data.root"),
        ({"folder": ""}, "below data.root"),
        ({"file": "manifest.xlsx"}, r"must end in \.csv or \.jsonl"),
        ({"removal": "camera"}, "'same_camera'"),
    ],
)
def test_options(tmp_path, options, says):
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, **options)


def test_folder_and_file_may_be_anywhere_below_the_root(tmp_path):
    manifest(tmp_path, folder="own/data", name="lists/first.jsonl")
    assert len(read(tmp_path, folder="own/data", file="lists/first.jsonl").query) == 4
    with pytest.raises(DatasetError, match=r"(?s)own/.*lists/first\.csv +MISSING"):
        read(tmp_path, folder="own", file="lists/first.csv")
    assert len(read(tmp_path / "own/data", folder=".", file="lists/first.jsonl").query) == 4


def test_the_example_of_the_documentation_reads(tmp_path):
    from aio_plugin.datasets.manifest import adapter as module

    example = module.__doc__.split("infrared::")[1].split("``manifest`` as a target")[0]
    lines = [line.strip() for line in example.strip().splitlines()]
    for path in (line.split(",")[0] for line in lines[1:]):
        if path:
            image(tmp_path / "manifest" / path)
    write(tmp_path / "manifest/manifest.csv", "\n".join(lines))
    splits = read(tmp_path)
    assert [len(part) for part in (splits.train, splits.query, splits.gallery)] == [3, 2, 1]
    assert {part.modality for item in splits.train for part in item.media.parts} == {RGB, IR, SKETCH, TEXT}
    assert len(read(tmp_path, removal="source").query) == 2
