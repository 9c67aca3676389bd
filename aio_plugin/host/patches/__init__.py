"""Every change to torchreid, one a file; each is reversible."""
