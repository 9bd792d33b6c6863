"""Recognisers trained with connectionist temporal classification (Graves et al. 2006): networks, training, decoding."""
