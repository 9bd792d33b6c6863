"""The networks, their weights, their decoding: TensorFlow and NumPy, never Beam."""
