"""Reverse-mode automatic differentiation on NumPy, small enough to read, that shows where a gradient goes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .calculus.activations import elu, gelu, leaky_relu, log_sigmoid, log_softmax, logsumexp, silu, softmax, softplus
from .calculus.define import define
from .calculus.functions import logit, relu, sigmoid
from .engine.recording import no_grad
from .engine.tensor import Tensor
from .transforms.functional import grad, hessian, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from .formulas.claims import Verdict, check_formula
    from .formulas.program import Program, write_out
    from .traces.chain import layers, sigmoid_chain
    from .traces.health import gradient_norms
    from .traces.history import GradientHistory
    from .traces.trace import GradientTrace, Step, trace
    from .transforms.check import GradientError, GradientReport, check_gradients

LATER = {  # What shows and checks is imported when it is used.
    **dict.fromkeys(("layers", "sigmoid_chain"), ".traces.chain"),
    **dict.fromkeys(("Verdict", "check_formula"), ".formulas.claims"),
    **dict.fromkeys(("Program", "write_out"), ".formulas.program"),
    **dict.fromkeys(("gradient_norms",), ".traces.health"),
    **dict.fromkeys(("GradientHistory",), ".traces.history"),
    **dict.fromkeys(("GradientTrace", "Step", "trace"), ".traces.trace"),
    **dict.fromkeys(("GradientError", "GradientReport", "check_gradients"), ".transforms.check"),
}
__all__ = [
    "GradientError",
    "GradientHistory",
    "GradientReport",
    "GradientTrace",
    "Program",
    "Step",
    "Tensor",
    "Verdict",
    "check_formula",
    "check_gradients",
    "define",
    "elu",
    "gelu",
    "grad",
    "gradient_norms",
    "hessian",
    "jacobian",
    "jvp",
    "layers",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logit",
    "logsumexp",
    "no_grad",
    "relu",
    "sigmoid",
    "sigmoid_chain",
    "silu",
    "softmax",
    "softplus",
    "trace",
    "value_and_grad",
    "vjp",
    "write_out",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(LATER[name], __name__), name)
    return value
