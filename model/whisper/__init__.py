"""Whisper (Radford et al. 2022) in TensorFlow, written from the paper."""
