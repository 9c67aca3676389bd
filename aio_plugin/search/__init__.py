"""Trained models and what is found with them: features, indices, queries. Works without torchreid."""
