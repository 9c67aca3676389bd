"""Which of torchreid's settings apply to AIO models; the others are refused."""

from __future__ import annotations

TRIPLET = "For a triplet loss set aio.loss.triplet, the weight of AGW's triplet (of a DMF, aio.dmf.triplet)."
