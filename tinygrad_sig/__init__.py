"""Reverse-mode automatic differentiation on NumPy, small enough to read, that shows where a gradient goes."""

from .chain import layers, sigmoid_chain
from .functions import relu, sigmoid
from .tensor import Tensor, no_grad
from .trace import GradientTrace, Step, trace

__all__ = ["GradientTrace", "Step", "Tensor", "layers", "no_grad", "relu", "sigmoid", "sigmoid_chain", "trace"]
__version__ = "0.1.0"
