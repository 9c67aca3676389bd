"""The dataset of persons, stages, the step of optimisation and checkpoints."""
