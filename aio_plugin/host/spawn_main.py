"""Run by spawned workers in place of the main module.

A worker unpickles its dataset, and with it torchvision's transforms, without a registration.
"""

from ..registry import import_plugins
from ..torchvision_import import repair_torchvision

if __name__ == "__mp_main__":  # the name that multiprocessing gives the main module in a worker
    repair_torchvision()
    import_plugins()
