"""What register() costs on top of importing torchreid, in milliseconds of processor time.

python -m benchmarks.speed.register
"""

import statistics
import subprocess
import sys

CODE = """
import time
from aio_plugin.torchvision_import import repair_torchvision
repair_torchvision()
import torchreid
start = time.process_time()
import aio_plugin
aio_plugin.register()
print(1000 * (time.process_time() - start))
"""


def main() -> None:
    runs = [
        float(subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    print(f"median {statistics.median(runs):.1f} ms, from {min(runs):.1f} to {max(runs):.1f} ms, 7 processes")


if __name__ == "__main__":
    main()
