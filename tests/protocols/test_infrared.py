"""SYSU-MM01 and LLCM: counts, removal and draws, against scripts that walk folders as the authors' do."""

import random

import numpy as np
import pytest

from aio_plugin.errors import ProtocolError
from aio_plugin.metrics.retrieval import evaluate_distances
from aio_plugin.modality import Modality
from aio_plugin.protocols.llcm import LLCM
from aio_plugin.protocols.sysu import SysuMM01

from .helpers import image, left

IR = Modality.IR
CAMERAS = (1, 2, 4, 5)


def sysu(people=(6, 10, 117, 1003), images=12):
    """A pool and probes; person 117 was never in cameras 1 and 2, image counts differ."""
    pool = [
        image(f"cam{camera}/{pid:04d}/{k:04d}.jpg", pid, camera - 1)
        for camera in CAMERAS
        for pid in people
        if not (pid == 117 and camera < 3)
        for k in range(1, images + 1 + pid % 3)
    ]
    probes = [
        image(f"cam{camera}/{pid:04d}/{k:04d}.jpg", pid, camera - 1, IR)
        for camera in (3, 6)
        for pid in people
        for k in (1, 2, 3)
    ]
    return probes, pool


def permutations(pool, seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for camera, pid in sorted({(item.camid + 1, item.pid) for item in pool}):
        n = sum((item.camid + 1, item.pid) == (camera, pid) for item in pool)
        found.setdefault(camera, {})[pid] = np.array([rng.permutation(n) + 1 for _ in range(10)])
    return found


def folders(items):
    """{"cam1/0006": [paths]}, unsorted as a directory listing may be."""
    found = {}
    for item in reversed(items):
        found.setdefault(item.media.rsplit("/", 1)[0], []).append(str(item.media))
    return found


def agw(items, cameras, trial, shots=1):
    random.seed(trial)
    listing, drawn = folders(items), []
    for pid in sorted({folder.split("/")[1] for folder in listing}):
        for camera in cameras:
            if f"{camera}/{pid}" in listing:
                files = sorted(listing[f"{camera}/{pid}"])
                drawn += [random.choice(files)] if shots == 1 else random.sample(files, shots)
    return drawn


def paths(items, positions):
    return [str(items[i].media) for i in positions]


@pytest.mark.parametrize(("mode", "cameras"), [("all", (1, 2, 4, 5)), ("indoor", (1, 2))])
@pytest.mark.parametrize("shots", [1, 10])
def test_sysu_draws_as_agw_does_and_takes_the_rows_of_the_official_permutations(mode, cameras, shots):
    probes, pool = sysu()
    trials = list(SysuMM01(mode, shots, "agw").trials(probes, pool[::-1]))
    assert len(trials) == 10
    for number, trial in enumerate(trials):
        assert paths(pool[::-1], trial.gallery) == agw(pool, [f"cam{c}" for c in cameras], number, shots)
        assert trial.query.tolist() == list(range(len(probes)))
    rows = permutations(pool)
    for number, trial in enumerate(SysuMM01(mode, shots, "official", rows).trials(probes, pool)):
        expected = [
            sorted(folders(pool)[f"cam{camera}/{pid:04d}"])[k - 1]
            for camera in cameras
            for pid in sorted(rows[camera])
            for k in rows[camera][pid][number][:shots]
        ]
        assert paths(pool, trial.gallery) == expected


def test_sysu_camera_3_drops_all_of_camera_2_and_nothing_else():
    probes, pool = sysu()
    trial = next(SysuMM01(drawn_by="agw").trials(probes, pool))
    cameras = [pool[i].camid + 1 for i in trial.gallery]
    for i, probe in enumerate(probes):
        kept = [cameras[j] for j in left(trial, i)]
        assert kept == ([c for c in cameras if c != 2] if probe.camid == 2 else cameras)


def test_sysu_indoor_scores_only_people_seen_indoors():
    probes, pool = sysu()
    protocol = SysuMM01("indoor", drawn_by="agw")
    trial = next(protocol.trials(probes, pool))
    g_pids = [pool[i].pid for i in trial.gallery]
    distances = np.random.default_rng(0).random((len(probes), len(g_pids)))
    found = evaluate_distances(
        distances, [p.pid for p in probes], g_pids, removal=(trial.query_key, trial.gallery_key), cmc=protocol.cmc
    )
    assert (found.num_valid, found.num_query) == (18, 24)


def test_sysu_published_counts():
    """96 people, 56 of them in cameras 1 and 2, 94 in camera 4, 95 in camera 5."""
    seen = {1: range(56), 2: range(56), 4: range(94), 5: range(1, 96)}
    pool = [
        image(f"cam{camera}/{pid:04d}/{k:04d}.jpg", pid, camera - 1)
        for camera, people in seen.items()
        for pid in people
        for k in range(1, 14)
    ]
    sizes = {}
    for mode in ("all", "indoor"):
        for shots in (1, 10):
            trial = next(SysuMM01(mode, shots, "agw").trials([], pool))
            sizes[mode, shots] = len(trial.gallery), len({pool[i].pid for i in trial.gallery})
    assert sizes == {
        ("all", 1): (301, 96),
        ("all", 10): (3010, 96),
        ("indoor", 1): (112, 56),
        ("indoor", 10): (1120, 56),
    }


def test_names_tell_variants_apart():
    _, pool = sysu()
    rows = permutations(pool)
    protocols = [
        SysuMM01(mode, shots, trials, rows if trials == "official" else None)
        for mode in ("all", "indoor")
        for shots in (1, 10)
        for trials in ("official", "agw")
    ] + [LLCM(direction) for direction in ("ir_to_vis", "vis_to_ir", "deen_release")]
    assert len({protocol.name for protocol in protocols}) == len(protocols)
    assert {protocol.cmc for protocol in protocols} == {"identity"}


@pytest.mark.parametrize(
    ("protocol", "arguments", "message"),
    [
        (SysuMM01, ("outdoor",), "'all' or 'indoor'"),
        (SysuMM01, ("all", 5), "1 or 10"),
        (SysuMM01, ("all", 1, "drawn"), "'official' or 'agw'"),
        (SysuMM01, ("all", 1, "official", None), "rand_perm_cam.mat"),
        (SysuMM01, ("all", 1, "agw", {}), "only they"),
        (LLCM, ("ir_to_rgb",), "ir_to_vis, vis_to_ir, deen_release"),
    ],
)
def test_bad_arguments(protocol, arguments, message):
    with pytest.raises(ProtocolError, match=message):
        protocol(*arguments)


def test_sysu_permutations_and_cameras_that_do_not_fit():
    probes, pool = sysu()
    protocol = SysuMM01(permutations=permutations(pool[:-1]))
    with pytest.raises(ProtocolError, match="person 1003 has 13 images under camera 5, .* 10 trials of 12 images"):
        list(protocol.trials(probes, pool))
    with pytest.raises(ProtocolError, match="define nothing"):
        list(SysuMM01(permutations={}).trials(probes, pool))
    with pytest.raises(ProtocolError, match="cameras 1 to 6"):
        list(SysuMM01(drawn_by="agw").trials([image("cam7/0001/0001.jpg", 1, 6, IR)], []))


def llcm():
    rgb = [image(f"cam{c}/{p:04d}/{k}.jpg", p, c - 1) for c in (1, 2, 3) for p in (3, 5, 12) for k in range(4)]
    ir = [image(f"cam{c}/{p:04d}/{k}.jpg", p, c - 1, IR) for c in (1, 2) for p in (3, 5, 12) for k in range(3)]
    return rgb, ir


@pytest.mark.parametrize("direction", ["ir_to_vis", "vis_to_ir", "deen_release"])
def test_llcm_samples_the_right_side(direction):
    rgb, ir = llcm()
    query, gallery = (rgb, ir) if direction == "vis_to_ir" else (ir, rgb)
    trials = list(LLCM(direction).trials(query, gallery))
    assert len(trials) == 10
    for number, trial in enumerate(trials):
        sampled, whole = (trial.query, trial.gallery) if direction == "deen_release" else (trial.gallery, trial.query)
        side, other = (query, gallery) if direction == "deen_release" else (gallery, query)
        assert paths(side, sampled) == agw(side, ["cam1", "cam2", "cam3"], number)
        assert whole.tolist() == list(range(len(other)))
        for i in range(0, len(trial.query), 5):
            probe = query[trial.query[i]]
            same = [
                j
                for j, at in enumerate(trial.gallery)
                if (gallery[at].pid, gallery[at].camid) == (probe.pid, probe.camid)
            ]
            assert left(trial, i) == [j for j in range(len(trial.gallery)) if j not in same]
