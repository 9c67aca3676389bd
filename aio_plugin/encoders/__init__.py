"""Tokens to features: pre-trained vision transformers, frozen, and where their weights come from."""
