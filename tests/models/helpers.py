"""A small AIO model with random weights, and batches for it."""

import torch

from aio_plugin.encoders.frozen import FrozenEncoder
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.modality import MODALITIES, Batch, Modality
from aio_plugin.models.aio import AIO, FOUR, Shape
from aio_plugin.tokenizers.bpe import MASK_ID, encode

from ..encoders.helpers import blocks

DIM = 32
AIO_LOSSES = {"ce": 1.0, "fb": 1.0, "va": 0.3}
DMF_LOSSES = {"ce": 1.0, "soft_triplet": 1.0}
SIZE = (32, 16)


def small_aio(bnneck="shared", loss="softmax", modalities=FOUR):
    encoder = FrozenEncoder(blocks(dim=DIM, heads=4), "test")
    shape = Shape(SIZE, 8, 16, 77, (2, 4), bnneck, len(Lexicon.load()), modalities)
    model = AIO(encoder, 5, shape, loss)
    with torch.no_grad():  # running statistics that are not those of a fresh layer
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return model


CAPTIONS = [
    "a man in a red coat",
    "a tall woman with long brown hair wearing a green striped shirt, blue jeans and white shoes, carrying a bag",
    "person",
    "someone with a black backpack and a hat",
]


def small_batch(present, seed=0):
    """A batch with the 0/1 table ``present`` (B, up to M); columns that are not given are 0."""
    torch.manual_seed(seed)
    present = torch.tensor(present, dtype=torch.uint8)
    present = torch.nn.functional.pad(present, (0, len(MODALITIES) - present.shape[1]))
    batch = Batch(present=present, pid=torch.arange(len(present)) % 5, camid=torch.zeros(len(present)).long())
    for modality in MODALITIES:
        if modality.is_image:
            images = torch.randn(len(present), 3, *SIZE)
            images[present[:, modality.index] == 0] = 0
            batch[modality.value] = images
    texts = [CAPTIONS[i % len(CAPTIONS)] for i in range(len(present))]
    batch["text"] = encode(texts, 77)
    batch["text"][present[:, Modality.TEXT.index] == 0] = 0
    return batch


def masked(batch, *places):
    """The batch with masked words: (item, position, attribute)."""
    batch["masked_text"], batch["attributes"] = batch["text"].clone(), torch.full_like(batch["text"], -1)
    for item, position, attribute in places:
        batch["masked_text"][item, position], batch["attributes"][item, position] = MASK_ID, attribute
    return batch
