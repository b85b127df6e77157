"""NumPy's own functions that need no row in the tables, because they are written in functions that have one.

They are plain NumPy; `COMPOSED` says which of them takes the place of NumPy's when a Tensor is among the arguments.
"""

from ..functions import Function, direction, over_squares, projected
from .products import PRODUCTS
from .shapes import SHAPES
from .statistics import STATISTICS

OWN = {f: f.__wrapped__ for f in (direction, over_squares, projected)}  # type: ignore[attr-defined]
COMPOSED: dict[Function, Function] = {**SHAPES, **STATISTICS, **PRODUCTS, **OWN}
