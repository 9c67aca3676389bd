import json

import pytest

from aio_plugin.__main__ import main
from aio_plugin.errors import DatasetError
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.tools.lexicon import write_lexicon


def synth_pedes(root, records):
    (root / "SYNTH-PEDES").mkdir()
    (root / "SYNTH-PEDES" / "synthpedes_dataset.json").write_text(json.dumps(records))


def test_words_of_the_annotations(tmp_path, capsys):
    slots = [
        "woman,brown hair,red coat,blue jeans,white shoes,unknown",
        "man,brown hair,red coat,black jeans,unknown,bag",
    ]
    synth_pedes(tmp_path, [{"attributes": [slot]} for slot in slots])
    out = tmp_path / "words.json"
    assert main(["lexicon", "--root", str(tmp_path), "--least", "2", "--out", str(out)]) == 0
    assert Lexicon.load(out).words == ("brown", "coat", "hair", "jeans", "red")
    assert "5 words" in capsys.readouterr().out


def test_bad_annotations_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"synthpedes_dataset\.json"):
        write_lexicon(tmp_path, 1, tmp_path / "out")
    synth_pedes(tmp_path, [{"captions": []}])
    with pytest.raises(DatasetError, match="record 0 has no 'attributes'"):
        write_lexicon(tmp_path, 1, tmp_path / "out")
