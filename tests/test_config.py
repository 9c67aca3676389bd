"""Values of the ``aio`` node that are refused, each with its key."""

import math

import pytest

from aio_plugin.config import parse_config
from aio_plugin.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        *(
            ({"classifier": {"fraction": fraction}}, r"aio\.classifier\.fraction is .*above 0 and at most")
            for fraction in (0, -0.1, 1.01, 2, math.nan, math.inf)
        ),
        ({"classifier": {"negatives": "own"}}, r"aio\.classifier\.negatives is 'own'\. .*own_dataset"),
        ({"classifier": {"fractions": 0.1}}, r"Did you mean 'aio\.classifier\.fraction'"),
        ({"classifier": {"fraction": "a tenth"}}, r"aio\.classifier\.fraction"),
        ({"classifier": {"shard": 2}}, r"aio\.classifier\.shard"),
        ({"dmf": {"drop_text": 1.0}}, r"aio\.dmf\.drop_text is 1\.0"),
        ({"dmf": {"drop_path": -0.1}}, r"aio\.dmf\.drop_path"),
        ({"dmf": {"phrases": 0}}, r"aio\.dmf\.phrases is 0"),
        ({"dmf": {"fusion": "concat"}}, "Did you mean 'concatenate'"),
        ({"dmf": {"input": "image"}}, r"aio\.dmf\.input"),
        ({"dmf": {"test_feature": "bn"}}, r"aio\.dmf\.test_feature"),
        ({"modalities": ["ir", "text"]}, "aio.modalities is ir.text, but .* add rgb"),
        (
            {"modalities": ["rgb", "pencil"]},
            "aio.modalities: Unknown modality 'pencil'.*known are rgb, ir, sketch, text, cp",
        ),
        ({"modalities": ["rgb", "rgb"]}, "aio.modalities: .*twice"),
        ({"modalities": []}, "aio.modalities"),
        ({"modalities": "rgb"}, "modalities"),
    ],
)
def test_a_wrong_value_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(values)
