"""Raw input to tokens: one convolutional stem a modality of images, CLIP's words for text."""
