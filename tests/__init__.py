"""The tests. Whatever process imports one, a spawned one too, has one thread and a torchvision that works."""

import torch

from aio_plugin.torchvision_import import repair_torchvision

repair_torchvision()
torch.set_num_threads(1)
