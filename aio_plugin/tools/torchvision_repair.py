"""``python -m aio_plugin.tools.torchvision_repair``: makes ``import torchvision`` work in this environment.

``make setup`` runs it. Where torchvision cannot load its operators, because it is built for CUDA and torch for CPUs, a
file in site-packages has every program import it without them; delete the file to undo it.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from ..torchvision_import import SYMPTOM

FILE = "aio_plugin_torchvision.pth"
LINE = (
    "import importlib.util as u; u.find_spec('aio_plugin') and "
    "__import__('aio_plugin.torchvision_import', fromlist=['x']).repair_when_imported()\n"
)


def main() -> int:
    """Repair this environment if it needs that. Returns 1 if torchvision cannot be imported all the same."""
    fault = import_fault("torchvision")
    if SYMPTOM in fault:
        file = Path(sysconfig.get_path("purelib"), FILE)
        file.write_text(LINE)
        print(
            "torchvision is built for CUDA and torch for CPUs: torchvision's operators cannot be loaded, nor could it "
            f"be imported. {file} lets it be imported without them. Where PyTorch's package index can be reached, its "
            "CPU build of torchvision is better."
        )
        fault = import_fault("torchvision")
    if fault:
        print(f"torchvision cannot be imported: {fault}", file=sys.stderr)
    return 1 if fault else 0


def import_fault(module: str) -> str:
    """The last line of what a process without this package prints that imports a module; empty if it can."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
