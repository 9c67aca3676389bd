import pytest

from aio_plugin.errors import ModalityError
from aio_plugin.evaluation.queries import as_own, compose, needed
from aio_plugin.modality import MODALITIES, Item, Media, Modality, parse_combination, parse_written

from .helpers import query

RGB, IR, SKETCH, TEXT, CP = MODALITIES
TRI = tuple(
    map(parse_combination, ["text", "sketch", "sketch+text", "rgb+sketch+text", "rgb+sketch", "rgb+text", "rgb"])
)


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        ("text", "text"),
        ("sketch+text", "sketch+text"),
        ("rgb+sketch+text", "rgb+sketch+text"),
        ("ir+text", "rgb+text"),
        ("rgb+ir+text", "rgb+text"),
        ("ir+sketch", "rgb+sketch"),
        ("ir+sketch+text", "rgb+sketch+text"),
        ("rgb+ir+sketch+text", "rgb+sketch+text"),
        ("ir", "rgb"),
    ],
)
def test_needed_reads_what_the_rest_can_be_made_from(wanted, read):
    assert needed(parse_combination(wanted), TRI) == parse_combination(read)


@pytest.mark.parametrize(
    ("wanted", "own"), [("rgb", [(IR,)]), ("sketch+text", [(TEXT,)]), ("text", [(RGB,)]), ("ir", [(SKETCH,)])]
)
def test_needed_says_when_nothing_will_do(wanted, own):
    with pytest.raises(ModalityError, match="cannot be composed: the dataset has"):
        needed(parse_combination(wanted), own)


@pytest.mark.parametrize(
    ("written", "own", "read"),
    [
        ("text+sketch", TRI, (SKETCH, TEXT)),
        ("text+sketch", [(SKETCH, TEXT), (TEXT, SKETCH)], (TEXT, SKETCH)),
        ("cp+text+ir", [(IR, TEXT, CP), (CP, IR, TEXT)], (CP, IR, TEXT)),
        ("ir+cp+text", [(IR, TEXT, CP), (CP, IR, TEXT)], (IR, TEXT, CP)),
        ("text+ir+cp", [(IR, TEXT, CP), (CP, IR, TEXT)], (IR, TEXT, CP)),
        ("cp", [(IR,)], (CP,)),
    ],
)
def test_the_first_modality_written_counts_where_the_dataset_tells_it_apart(written, own, read):
    assert as_own(parse_written(written), own) == read
    if read in own:
        assert needed(read, own) == read


def test_colour_pencil_cannot_be_made():
    with pytest.raises(ModalityError, match="only ir\\+sketch can be made, from rgb"):
        needed((CP,), [(RGB,)])
    with pytest.raises(ModalityError, match="no cp, and it cannot be made from rgb"):
        compose([query(1, RGB)], (CP,), True)


def described(items):
    (item,) = items
    media = [item.media, *item.media.partners]
    return [(m.modality, str(m), m.caption is not None, m.synthetic, len(m.partners)) for m in media]


def test_compose_keeps_drops_and_makes():
    item = query(3, RGB, SKETCH, TEXT)
    assert described(compose([item], (IR, TEXT), True)) == [
        (IR, "/data/3_q.jpg", False, True, 1),
        (TEXT, "/data/captions.json#3.0", True, False, 0),
    ]
    assert described(compose([item], MODALITIES[:4], True)) == [
        (RGB, "/data/3_q.jpg", False, False, 3),
        (IR, "/data/3_q.jpg", False, True, 0),
        (SKETCH, "/data/3_s.jpg", False, False, 0),
        (TEXT, "/data/captions.json#3.0", True, False, 0),
    ]
    assert described(compose([item], (SKETCH,), False)) == [(SKETCH, "/data/3_s.jpg", False, False, 0)]


def test_compose_leaves_the_rest_of_the_item():
    item = query(3, RGB, source=7)._replace(camid=5)
    (made,) = compose([item], (SKETCH,), True)
    assert (made.pid, made.camid, made.source) == (3, 5, 7)
    assert made.media.synthetic
    assert item.media.modality is RGB


@pytest.mark.parametrize(
    ("item", "wanted", "synthesise", "message"),
    [
        (query(1, RGB), (IR,), False, "/data/1_q.jpg.* no ir.*aio.test.synthesise"),
        (query(1, RGB), (TEXT,), True, "no text, and it cannot be made from rgb"),
        (query(1, SKETCH), (IR,), True, "no ir, and it cannot be made from sketch"),
        (query(1, TEXT), (RGB,), True, "no rgb, and it cannot be made"),
        (Item(Media("a", partners=[Media("b")]), 1, 0), (RGB,), True, "two parts of rgb"),
    ],
)
def test_compose_says_what_is_missing(item, wanted, synthesise, message):
    with pytest.raises(ModalityError, match=message):
        compose([item], wanted, synthesise)


def test_modality_order_is_kept_whatever_comes_first():
    text = Media("c#1", Modality.TEXT, "a man", [Media("s.jpg", SKETCH)])
    (made,) = compose([Item(text, 1, 0)], (SKETCH, TEXT), False)
    assert [m.modality for m in (made.media, *made.media.partners)] == [SKETCH, TEXT]
