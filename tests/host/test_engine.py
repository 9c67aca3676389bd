import pytest
import torch
from torch import nn

import aio_plugin
from aio_plugin.host.run_config import session


class _Manager:
    train_loader, test_loader, num_train_pids, copies = (), (), 5, 1

    def __init__(self):
        self.config = session.latest()

    def loader_at(self): ...


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_encoder_is_held_in_the_precision_of_training(torchreid, precision, dtype):
    aio_plugin.register({"encoder": {"weights": "random"}, "train": {"precision": precision}})
    model = torchreid.models.build_model("aio_tiny", num_classes=5, pretrained=False, use_gpu=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torchreid.engine.ImageSoftmaxEngine(_Manager(), model, optimizer, use_gpu=False)
    linears = [each for each in model.encoder.modules() if isinstance(each, nn.Linear)]
    assert {each.weight.dtype for each in linears} == {dtype}
    assert model.classifier.weight.dtype == torch.float32
