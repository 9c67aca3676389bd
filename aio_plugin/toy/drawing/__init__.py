"""Toy people as pictures: bodies, clothes, infrared and sketches."""
