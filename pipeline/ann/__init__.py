"""A small neural network library in pure NumPy: layers, losses, optimisers, a network, and its pickle."""

from pipeline.ann.network import Architecture, Network
from pipeline.ann.persist import Model, load_model, save_model

__all__ = ["Architecture", "Model", "Network", "load_model", "save_model"]
