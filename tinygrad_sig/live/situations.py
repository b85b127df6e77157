"""Six situations worth seeing, each a query, and a sentence on what to look at."""

SITUATIONS = [
    {
        "name": "It vanishes",
        "query": "x=1&depth=20&weight=1",
        "look": "Every layer multiplies by w·σ'(z), which is at most 1/4: the bars shrink by the same step each time.",
    },
    {
        "name": "w = 4 is worse",
        "query": "x=1&depth=20&weight=4",
        "look": "The bound is 1, yet less arrives than for w = 1: σ saturates, and σ'(z) falls faster than w grows.",
    },
    {
        "name": "w = 10",
        "query": "x=1&depth=5&weight=10",
        "look": "Compare the three products: the bound says 97.7, the sheet prints 29.4, and the walk finds 1.9e-17.",
    },
    {
        "name": "Centred, it explodes",
        "query": "x=0.5&depth=50&weight=8&bias=-4",
        "look": "The bias −w/2 keeps every z at 0, where σ' is 1/4: each layer doubles the gradient. Move it a little.",
    },
    {
        "name": "tanh",
        "query": "x=1&depth=20&weight=1&activation=tanh",
        "look": "The slope of tanh is 1 at 0, and z goes towards 0: each layer loses less than the one before it.",
    },
    {
        "name": "Where float16 ends",
        "query": "x=1&depth=20&weight=1&dtype=float16",
        "look": "First the bars are those of float64; then the gradient underflows to 0, though no factor is 0.",
    },
]
