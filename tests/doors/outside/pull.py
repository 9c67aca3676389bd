"""A binding loss: every modality is pulled towards the mean of its item, without negatives."""

import torch
import torch.nn.functional as F

import aio_plugin


@aio_plugin.register_loss("pull")
def pull(inputs):
    """1 - cosine of a feature and the mean of its item, over all features of items that have more than one."""
    z = F.normalize(inputs.z.float(), dim=-1)  # (B, M, D)
    present = inputs.present & (inputs.present.sum(1, keepdim=True) > 1)  # (B, M)
    mean = F.normalize((z * present[..., None]).sum(1), dim=-1)  # (B, D)
    distance = 1 - torch.einsum("bmd,bd->bm", z, mean)
    return (distance * present).sum() / present.sum().clamp(min=1)
