"""Pre-train the toy world's stand-in for LAION's ViT: images and captions of toy people, contrastively.

Symmetric InfoNCE between two RGB pictures of a person by different cameras and a caption, in two phases. In the
first both pictures are as they are, or grey; in the second one of the two has wrong colours, no colours or is a
negative, so that shape has to count too. No infrared, no sketch. The people come from a seed space of their own and
appear in no toy world. The result is ``aio_tiny``'s encoder:

    python -m benchmarks.pretrain_toy --out aio_plugin/encoders/toy.safetensors
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from aio_plugin.encoders.frozen import attention_kernel
from aio_plugin.encoders.toy import WIDTH, save_toy, toy_blocks
from aio_plugin.modality import MODALITIES, Batch, Modality
from aio_plugin.models.aio import AIO, Shape
from aio_plugin.models.sequence import ImagePositions, TextPositions
from aio_plugin.models.specs import SPECS
from aio_plugin.tokenizers.bpe import encode
from aio_plugin.tokenizers.text import TextTokenizer
from aio_plugin.toy.drawing.draw import sample_views
from aio_plugin.training.media import collate
from aio_plugin.training.randomness import seeded
from aio_plugin.training.transforms import pad_crop

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]  # CLIP's
TEXT_LENGTH = 77  # of the position table; captions are cut to the longest of a batch


@dataclass(frozen=True)
class Phase:
    """A number of steps with a learning rate of their own.

    Attributes:
        distorted: the second picture has wrong colours, and the caption is compared with the first alone.
    """

    steps: int
    lr: float
    distorted: bool


PHASES = (Phase(900, 1e-3, distorted=False), Phase(1500, 8e-4, distorted=True))
WARM_UP = 0.05  # of a phase's steps


class TrainableEncoder(nn.Module):
    """The blocks with the calling convention of the frozen encoder, but trainable."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks, self.dim = toy_blocks(), WIDTH

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        bias = None if mask is None else mask[:, None, None, :]
        with attention_kernel(tokens):
            for block in self.blocks:
                tokens = block(tokens, attn_mask=bias)
        return tokens


class ToyPairs(Dataset[dict[str, Any]]):
    """Two pictures and a caption of a new person for every index."""

    def __init__(self, count: int, size: tuple[int, int], distorted: bool) -> None:
        from torchvision import transforms as T

        self.count = count
        shape = [T.RandomHorizontalFlip(), pad_crop(*size), T.ToTensor(), T.Normalize(MEAN, STD)]
        plain = [] if distorted else [T.RandomGrayscale(0.3)]  # pictures of the web are not all in colour either
        wrong = [T.ColorJitter(0.4, 0.4, 0.5, 0.5), T.RandomGrayscale(0.5), T.RandomInvert(0.2)]
        self.first = T.Compose([T.Resize(size), *plain, *shape])
        self.second = T.Compose([T.Resize(size), *(wrong if distorted else plain), *shape])

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        images, caption = sample_views(index, 2)
        with seeded(index):
            pixels = torch.stack([self.first(images[0]), self.second(images[1])])
        present = torch.zeros(len(MODALITIES), dtype=torch.uint8)
        present[[Modality.RGB.index, Modality.TEXT.index]] = 1
        text = encode([caption], TEXT_LENGTH)[0]
        return {"rgb": pixels, "text": text, "present": present, "pid": index, "camid": 0, "dsetid": 0, "impath": ""}


def contrast(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE between rows of two feature matrices (B, D)."""
    logits = scale * F.normalize(a.float(), dim=1) @ F.normalize(b.float(), dim=1).T
    target = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def loss_of(model: AIO, batch: Batch, device: str, scale: Tensor, distorted: bool) -> Tensor:
    """Mean contrast of the pictures with each other and, unless distorted, of each with the caption."""
    views = batch["rgb"].flatten(0, 1)  # (B, 2, 3, H, W) -> (2B, 3, H, W)
    present = torch.zeros(len(views), len(MODALITIES), dtype=torch.uint8, device=views.device)
    present[:, Modality.RGB.index] = 1
    present[::2, Modality.TEXT.index] = 1
    text = batch["text"].repeat_interleave(2, dim=0)
    both = Batch(rgb=views, text=text, present=present, pid=torch.zeros(len(views), device=views.device).long())
    with torch.autocast(device, torch.bfloat16):
        z = model.train_outputs(both)["z"]
    first, second, words = z[::2, Modality.RGB.index], z[1::2, Modality.RGB.index], z[::2, Modality.TEXT.index]
    pairs = [(first, words), (first, second)] if distorted else [(first, words), (second, words), (first, second)]
    return torch.stack([contrast(a, b, scale) for a, b in pairs]).mean()


def train(model: AIO, phase: Phase, args: argparse.Namespace, seen: set[int]) -> float:
    """Train for a phase, add the BPE tokens met to ``seen`` and return the last loss, smoothed."""
    size = model.shape.image_size
    scale = nn.Parameter(torch.tensor(math.log(1 / 0.07), device=args.device))
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": [*rest, scale], "weight_decay": 0.0}], lr=phase.lr
    )
    warm = max(1, round(phase.steps * WARM_UP))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * s / phase.steps)))
    )
    pairs = ToyPairs(phase.steps * args.batch, size, phase.distorted)
    loader = DataLoader(pairs, args.batch, num_workers=args.workers, collate_fn=collate)
    began, smooth = time.time(), 0.0
    for step, data in enumerate(loader):
        seen.update(data["text"].unique().tolist())
        batch = data.to(args.device, non_blocking=True)
        loss = loss_of(model, batch, args.device, scale.exp().clamp(max=100), phase.distorted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        smooth = float(loss.detach()) if step == 0 else 0.98 * smooth + 0.02 * float(loss.detach())
        if (step + 1) % 25 == 0:
            rate = (step + 1) * args.batch / (time.time() - began)
            print(f"step {step + 1}/{phase.steps}  loss {smooth:.3f}  {rate:.0f} pairs/s", flush=True)
    return smooth


def start_state(model: AIO, seen: Tensor) -> dict[str, Tensor]:
    """What tokenizers may start from, in the names that ``aio_plugin.encoders.toy`` reads."""
    state = {f"stem.{k}": v for k, v in model.tokenizers["rgb"].state_dict().items()}
    rgb, text = cast(ImagePositions, model.positions["rgb"]), cast(TextPositions, model.positions["text"])
    words = cast(TextTokenizer, model.tokenizers["text"])
    state["class_token"] = model.class_tokens.single[Modality.RGB.index]
    state["positions"], state["grid"] = rgb.table, torch.tensor(rgb.grid)
    state["text.class_token"] = model.class_tokens.single[Modality.TEXT.index]
    state["text.positions"] = text.table
    state["text.projection.weight"] = words.projection.weight
    if words.projection.bias is not None:
        state["text.projection.bias"] = words.projection.bias
    state["norm.weight"], state["norm.bias"] = model.norm.weight, model.norm.bias
    state["word_ids"] = seen
    state["word_rows"] = words.embedding.weight[seen]
    return {key: value.detach().cpu() for key, value in state.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    spec = SPECS["aio_tiny"]
    shape = Shape(
        spec.image_size, spec.stem_width, spec.text_width, TEXT_LENGTH, multimodal=(9, 9)
    )  # none: it is not learned here
    model = AIO(cast(Any, TrainableEncoder()), 1, shape).to(args.device).train()
    nn.init.normal_(
        cast(TextTokenizer, model.tokenizers["text"]).embedding.weight, std=0.2
    )  # 0.02 stays on the plateau
    seen: set[int] = set()
    losses = [round(train(model, phase, args, seen), 4) for phase in PHASES]
    ids = torch.tensor(sorted(seen))
    digest = save_toy(args.out, cast(Any, model.encoder).blocks.state_dict(), start_state(model, ids))
    beside = args.out.with_suffix(".json")
    recipe = {"batch": args.batch, "seed": args.seed, "phases": [asdict(phase) for phase in PHASES]}
    notes = {**json.loads(beside.read_text()), "recipe": recipe, "losses": losses}
    beside.write_text(json.dumps(notes, indent=2) + "\n")
    print(f"{args.out}: {args.out.stat().st_size / 2**20:.2f} MiB, sha256 {digest}")


if __name__ == "__main__":
    main()
