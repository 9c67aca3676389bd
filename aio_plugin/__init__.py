"""All-in-One multimodal person re-identification inside torchreid."""

__version__ = "0.1.0"
