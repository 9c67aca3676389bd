"""RGB to the modality that is missing: infrared by channel augmentation, sketches by line drawing."""
