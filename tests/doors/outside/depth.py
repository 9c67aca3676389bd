"""A sixth modality: images of a depth camera, one channel of 16 bits that holds millimetres, nothing beyond 20 m."""

import aio_plugin

DEPTH = aio_plugin.register_modality("depth", channels=1, value_range=(0, 20000), norm_mean=[0.2], norm_std=[0.1])
