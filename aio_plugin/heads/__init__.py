"""Features to what a loss needs: identity logits, attribute logits, masked captions."""
