from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = next(
    line.split('"')[1]
    for line in (here / "aio_plugin" / "__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)

setup(
    name="aio_plugin",
    version=version,
    description="All-in-One multimodal person re-identification for torchreid: RGB, infrared, sketch and text.",
    long_description=(here / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["aio_plugin", "aio_plugin.*"]),
    package_data={
        "aio_plugin": [
            "heads/*.json",
            "encoders/*.safetensors",
            "encoders/*.json",
            "evaluation/*.html",
            "evaluation/*.json",
            "search/*.html",
            "toy/*.yaml",
            "py.typed",
            "host/*.yaml",
            "tools/*.yaml",
        ]
    },
    install_requires=[
        "torch>=2.6",  # the first that loads weights without running code of their file
        "torchvision>=0.21",
        "torchreid>=0.2.5",
        "timm>=1.0.28",
        "open_clip_torch>=2.26.1",
        "yacs>=0.1.8",
        "gdown>=5",
        "numpy>=1.26",
        "Pillow>=10.1",
        "PyYAML>=6",
        "safetensors>=0.4",
        "scipy>=1.10",
        "jinja2>=3",
        "jsonschema>=4.18",
        "ijson>=3.2",
        "tabulate>=0.9",
        "tqdm>=4.60",
        # what torchreid imports without declaring
        "opencv-python-headless>=4.5",
        "tensorboard>=2.10",
        "six",
        "h5py",
        "imageio",
    ],
    extras_require={
        "search": ["lancedb>=0.40", "scikit-learn>=1.3"],  # aio-reid index; group --method hdbscan
        "cluster": ["ray[data]>=2.40"],  # aio-reid index --ray
        "quantise": ["torchao>=0.10"],  # aio.encoder.quantise
        "dev": [
            "lmdb>=1.4",
            "torchao>=0.10",
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "ruff",
            "mypy",
            "types-PyYAML",
            "types-tabulate",
        ],
    },
    entry_points={"console_scripts": ["aio-reid = aio_plugin.__main__:main"]},
)
