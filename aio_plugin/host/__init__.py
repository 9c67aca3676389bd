"""The only package that knows torchreid: finds it, and opens and closes every seam."""
