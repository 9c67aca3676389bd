"""Pictures indexed by the workers of a Ray cluster (extra ``[cluster]``), on one machine or several.

Every worker holds the model and commits what it encodes, as processes under torchrun do: a worker that is lost loses no
more than its last pictures, and a share that Ray gives out twice is not doubled. All machines must see the pictures,
the weights and the index under the same names.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from ..errors import AIOError, GalleryError
from .indexing import PASS, Encoder, IndexCounts, index_pictures
from .pictures import Pictures
from .store import Store

SHARES = 4
"""Parts of the work of each worker, at least, so that all end at about the same time."""


def index_on_cluster(
    uri: str, load: Callable[[], Encoder], pictures: Pictures, workers: int, *, batch_size: int = 100
) -> IndexCounts:
    """Bring pictures into an index, which is there, by the workers of a Ray cluster; one is started if there is none.

    Args:
        load: makes the model, in every worker; on a GPU of its own if the cluster has GPUs.
        workers: how many.

    Raises:
        GalleryError: Ray is not installed, or what is wrong in a worker.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise GalleryError(f"A cluster needs Ray ({error}). Install it: pip install 'ray[data]'") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    size = max(1, min(PASS, -(-len(pictures.listed) // (SHARES * workers))))
    parts = [pictures.listed[start : start + size] for start in range(0, len(pictures.listed), size)]
    shares = [{"share": pickle.dumps(pictures._replace(listed=part, refused=[]))} for part in parts]
    done = ray.data.from_items(shares, override_num_blocks=len(shares)).map_batches(
        _Worker,
        fn_constructor_args=(uri, load, batch_size),
        batch_size=1,
        concurrency=workers,
        num_gpus=1 if ray.cluster_resources().get("GPU") else 0,
    )
    counts = IndexCounts(refused=list(pictures.refused))
    for row in done.take_all():
        result = pickle.loads(row["result"])  # of our own worker
        if isinstance(result, str):
            raise GalleryError(f"a worker of the cluster: {result}")
        counts.add(result)
    return counts


class _Worker:
    """Indexes shares of the pictures."""

    def __init__(self, uri: str, load: Callable[[], Encoder], batch_size: int) -> None:
        self._uri, self._model, self._batch_size = uri, load(), batch_size

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        results: list[IndexCounts | str] = []
        for share in batch["share"]:
            try:
                pictures = pickle.loads(share)
                results.append(index_pictures(Store(self._uri), self._model, pictures, batch_size=self._batch_size))
            except AIOError as error:
                results.append(str(error))
        return {"result": [pickle.dumps(result) for result in results]}
