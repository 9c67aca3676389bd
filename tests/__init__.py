"""The tests. Every process that imports one, spawned ones too, has one thread and a torchvision that can be imported."""

import torch

from aio_plugin.torchvision_import import repair_torchvision

repair_torchvision()
torch.set_num_threads(1)
