"""Items, and a plain reading of what a trial leaves of a gallery."""

from aio_plugin.modality import Item, Media, Modality


def image(path, pid, camid, modality=Modality.RGB, source=-1):
    return Item(Media(path, modality), pid, camid, source)


def left(trial, query):
    """Positions in the trial's gallery that the query at position ``query`` of the trial may find."""
    key = trial.query_key[query]
    return [j for j, other in enumerate(trial.gallery_key) if not (key >= 0 and key == other)]
