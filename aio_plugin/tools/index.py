"""``index``: pictures brought into an index, deleted from it, or dropped because they are gone."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Iterator

from .. import load
from ..errors import AIOError, ConfigError, NoGalleryError, printable
from ..modality import Modality
from ..search.ann import OFFERED, TOP, ann_settings, build_ann
from ..search.cluster import index_on_cluster
from ..search.gallery import require_model
from ..search.indexing import Encoder, IndexCounts, index_pictures, prune
from ..search.pictures import PathPattern, read_pictures
from ..search.store import IndexSettings, Store, writing
from ..training import distributed
from .filter_options import filter_of


def run_index(args: argparse.Namespace) -> int:
    """Do what the options ask: delete, index, prune, build the approximate index. Returns 1 if pictures were refused.

    Under torchrun every process encodes and commits its share; Lance's commits do not lose each other's.

    Raises:
        ConfigError: the options contradict each other.
        AIOError: whatever is wrong with the pictures, the model or the index; what is committed stays.
    """
    where = filter_of(args)
    if args.delete != bool(where):
        raise ConfigError("--delete takes options that say which rows, such as --camera 2, and these take --delete.")
    if not (args.images or args.delete or args.prune or args.ann):
        raise ConfigError("Say what to do: --images, --delete, --prune or --ann.")
    if args.ray < 0 or (args.ray and distributed.is_launched()):
        raise ConfigError("--ray takes the number of workers, and not under torchrun, which starts its own.")
    if args.images and not args.weights:
        raise ConfigError("--images needs --weights, the model that encodes them.")
    counts = IndexCounts()
    if not args.images:
        Store(args.out)  # is there
    with distributed.process_group(), _writing_alone(args.out):
        if args.delete and distributed.is_main():
            store = Store(args.out)
            print(f"{store.delete(where.sql(store.schema)):,} rows deleted")
        if args.images:
            counts = _indexed(args)
        if distributed.is_main():
            _finish(counts, args)
    return int(bool(counts.refused))


@contextlib.contextmanager
def _writing_alone(uri: str) -> Iterator[None]:
    """Keep other runs out; one process of this one does so for all."""
    with contextlib.ExitStack() as stack:
        with _together() as main:
            if main:
                stack.enter_context(writing(uri))
        yield


@contextlib.contextmanager
def _together() -> Iterator[bool]:
    """Whether this process does the work of the block, for which the others wait, to raise the same error."""
    fault: AIOError | None = None
    try:
        yield distributed.is_main()
    except AIOError as error:
        fault = error
    fault = distributed.broadcast(fault)
    if fault is not None:
        raise fault


def _indexed(args: argparse.Namespace) -> IndexCounts:
    """Add pictures to the index, which is made if there is none; returns what all processes did."""
    try:
        root = args.root or Store(args.out).index.root
    except NoGalleryError:
        root = args.root
    pattern = PathPattern(args.pattern) if args.pattern else None
    pictures = read_pictures(args.images, root, pattern, Modality.named(args.modality))
    model: Encoder = load(args.weights, args.device or None)
    with _together() as main:
        if main:
            settings = IndexSettings(model.digest, model.dim, pictures.root, dict(model.settings))
            store = Store.create(args.out, settings)
            require_model(store, model.digest)
            store.add_columns([name for name in pictures.stated if name not in store.columns])
    if args.ray:
        del model  # its workers have their own
        making = functools.partial(load, args.weights, args.device or None)
        counts = index_on_cluster(args.out, making, pictures, args.ray, batch_size=args.batch_size)
        for path, fault in counts.refused:
            _name_refused(path, fault)
        return counts
    rank, world = distributed.rank(), distributed.world_size()
    share = pictures._replace(listed=pictures.listed[rank::world], refused=pictures.refused[rank::world])
    workers = args.workers if args.workers is not None else 4 if _on_gpu(model) else 0
    mine = index_pictures(
        Store(args.out),
        model,
        share,
        batch_size=args.batch_size,
        workers=workers,
        progress=rank == 0 and sys.stderr.isatty(),
        refuse=_name_refused,
    )
    counts = IndexCounts()
    for each in distributed.all_gather(mine):
        counts.add(each)
    return counts


def _name_refused(path: str, fault: str) -> None:
    print(printable(f"{path}: {fault}", lines=False), file=sys.stderr)


def _on_gpu(model: Encoder) -> bool:
    return getattr(model, "device", None) is not None and model.device.type == "cuda"  # type: ignore[attr-defined]


def _finish(counts: IndexCounts, args: argparse.Namespace) -> None:
    store = Store(args.out)
    if args.prune:
        print(f"{prune(store, args.root):,} rows deleted whose pictures are gone or have changed")
    store.tidy()
    if args.ann:
        built = build_ann(store)
        print(
            f"approximate index of {built.rows:,} rows: recall@{TOP} {built.recall:.4f} against exact search, of "
            f"{built.queries} rows as queries"
        )
    elif store.count() >= OFFERED and ann_settings(store) is None:
        print(f"From {OFFERED:,} rows on an approximate index saves memory and time: give --ann.")
    if args.images:
        print(
            f"{counts.added:,} pictures added, {counts.encoded_anew:,} encoded anew, {counts.described_anew:,} with "
            f"new values, {counts.unchanged:,} unchanged, {len(counts.refused):,} refused"
        )
    print(f"{store.uri}: {store.count():,} rows of {store.index.dim} values, version {store.version}")
