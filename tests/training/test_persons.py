"""Persons made on demand are those that one gets by putting every item in its person's list."""

import pickle
import random
import warnings
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_plugin.datasets.storage.stored_photos import PhotoStore, StoredPhotos
from aio_plugin.errors import DatasetError
from aio_plugin.modality import MODALITIES, Item, Media, Modality
from aio_plugin.training.person_dataset import Source, choose_media

RGB = Modality.RGB


def medium(modality, name, partners=()):
    return Media(name, modality, "a man" if modality is Modality.TEXT else None, partners)


@st.composite
def item_lists(draw):
    """Items of few persons, in any order, of any modality, with any partners."""
    kinds = st.sampled_from(MODALITIES)
    rows = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), kinds, st.lists(kinds, max_size=3))))
    return [
        Item(medium(kind, f"{at}", [medium(m, f"{at}.{n}") for n, m in enumerate(partners)]), pid, camid)
        for at, (pid, camid, kind, partners) in enumerate(rows)
    ]


def plain(media):
    return str(media), media.modality, media.caption, tuple(map(plain, media.partners))


def slow(items, modalities, first_pid=0, first_camid=0):
    """(pid, anchors, pools) of every person with an anchor, from the words; how many lack one; what is foreign."""
    anchors, pools, foreign = defaultdict(list), defaultdict(lambda: defaultdict(list)), Counter()
    for item in items:
        foreign.update(set(item.media.combination) - set(modalities))
        if item.media.modality is RGB:
            kept = tuple(plain(partner) for partner in item.media.partners if partner.modality in modalities)
            anchors[item.pid].append(((*plain(item.media)[:3], kept), item.camid + first_camid))
        elif item.media.modality in modalities:
            pools[item.pid][item.media.modality].append(plain(item.media))
    persons = [(pid + first_pid, anchors[pid], {m: pools[pid][m] for m in pools[pid]}) for pid in sorted(anchors)]
    return persons, len({item.pid for item in items}) - len(anchors), foreign


def told(persons):
    return [
        (
            person.pid,
            [(plain(anchor.media), anchor.camid) for anchor in person.anchors],
            {modality: [plain(media) for media in pool] for modality, pool in person.pools.items()},
        )
        for person in persons
    ]


@settings(deadline=None, max_examples=150)
@given(items=item_lists(), others=st.sets(st.sampled_from(MODALITIES[1:])), first=st.integers(0, 9))
def test_persons_are_those_of_lists(items, others, first):
    modalities = [m for m in MODALITIES if m in {RGB, *others}]
    expected, lost, foreign = slow(items, modalities, first, first + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            source = Source("x", items, first, first + 1, 3, modalities)
        except DatasetError:
            assert not expected
            return
    assert told(source.persons) == expected
    assert told(pickle.loads(pickle.dumps(source)).persons) == expected
    messages = [str(warning.message) for warning in caught]
    assert any(f"{lost} of " in message for message in messages) == (lost > 0)
    for modality in MODALITIES:
        counted = f"{modality} of {foreign[modality]} items"
        assert any(counted in message for message in messages) == (foreign[modality] > 0)
        if modality is not RGB:
            silent = [
                all(partner[1] is not modality for partner in anchor[3]) and modality not in pools
                for _, anchors, pools in expected
                for anchor, _ in anchors
            ]
            assert source.lacking(modality).tolist() == silent
    assert list(source.captions()) == ["a man"] * sum(
        sum(partner[2] is not None for anchor, _ in anchors for partner in anchor[3])
        + len(pools.get(Modality.TEXT, ()))
        for _, anchors, pools in expected
    )


@settings(deadline=None, max_examples=60)
@given(items=item_lists(), seed=st.integers(0, 99))
def test_media_chosen_from_them_are_those_of_lists(items, seed):
    if not any(item.media.modality is RGB for item in items):
        return
    for person in Source("x", items).persons:
        lists = {modality: list(pool) for modality, pool in person.pools.items()}
        for anchor in person.anchors:
            ours, theirs = random.Random(seed), random.Random(seed)
            found = choose_media(anchor.media, person.pools, (), ours)
            assert list(map(plain, found)) == list(map(plain, choose_media(anchor.media, lists, (), theirs)))
            assert ours.getstate() == theirs.getstate()


def test_persons_are_a_sequence():
    items = [Item(Media(f"{n}"), n % 3, 0) for n in range(7)]
    persons = Source("x", items, first_pid=10).persons
    assert [person.pid for person in persons] == [10, 11, 12]
    assert persons[-1].pid == 12
    assert [person.pid for person in persons[::-1]] == [12, 11, 10]
    assert [str(anchor.media) for anchor in persons[-3].anchors] == ["0", "3", "6"]
    assert [str(anchor.media) for anchor in persons[0].anchors[1:]] == ["3", "6"]
    assert str(persons[0].anchors[-1].media) == "6"
    for outside in (3, -4):
        with pytest.raises(IndexError):
            persons[outside]


def test_captioned_photos_are_grouped_without_making_items(monkeypatch):
    store = PhotoStore("/base/")
    for number, pid in enumerate((9, 5, 9, 7, 5)):
        store.add(f"{number}.jpg", pid, captions=("a", "") if number % 2 else ("",))
    photos = store.photos({"notes.json": 5})
    expected = slow(list(photos), MODALITIES)[0]
    made = []
    get = StoredPhotos.__getitem__
    monkeypatch.setattr(StoredPhotos, "__getitem__", lambda self, index: made.append(index) or get(self, index))
    source = Source("x", photos)
    assert sum(source.lacking(Modality.TEXT)) == 3
    assert source.anchors.sizes.tolist() == [2, 1, 2]
    assert len(source.persons[0].anchors) == 2
    assert made == []
    assert told(source.persons) == expected
