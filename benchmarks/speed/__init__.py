"""Training and inference speed, memory and loading: ours beside the same method written plainly, and torchreid's."""
