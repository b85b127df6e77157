"""check_formula: formulas that are right, mistakes that it names, and what it may not say.

Every mistake is made in every row of the tables that admits it. What a mistake makes of a derivative is written here
once more, in plain NumPy; where two mistakes come to the same number, either name is right, and a test says when.
"""

from collections import Counter
from functools import partial

import numpy as np
import pytest
from test_rules import SAMPLES

from tinygrad_sig import GradientError, Tensor, check_formula, define, grad, relu, sigmoid, sigmoid_chain
from tinygrad_sig.calculus import functions as fn
from tinygrad_sig.calculus.functions import sigmoid_prime
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.formulas import points
from tinygrad_sig.formulas.reader import Formula, FormulaError

LAYERS = range(5, 0, -1)
WEIGHTS = (1.0, 0.5, -0.9, 0.8, -0.6, 0.7)
AS_PRINTED = "w5·σ'(a4)·w4·σ'(a3)·w3·σ'(a2)·w2·σ'(a1)·w1·σ'(x)"
RIGHT = "·".join(f"w{i}·σ'(z{i})" for i in LAYERS)


def chain(x, w1, w2, w3, w4, w5):
    return sigmoid_chain(x, [w1, w2, w3, w4, w5])


def neuron(x, w):
    return sigmoid(w * x)


# The sheet's own formulas.


def test_the_product_as_the_sheet_prints_it():
    verdict = check_formula(AS_PRINTED, chain, *WEIGHTS)
    assert (bool(verdict), verdict.cause) == (False, "slope at the activation")
    assert str(verdict) == (
        "wrong: σ' is taken at a4 and not at z5 (and so in 5 places), which is the same for weights of 1; at x = 1, "
        "w1 = 0.5, w2 = -0.9, w3 = 0.8, w4 = -0.6, w5 = 0.7 it is 9.02837e-05, not 0.000119601 as by the walk and a "
        "finite difference"
    )
    assert check_formula(AS_PRINTED, chain, 1, 1, 1, 1, 1, 1).cause == "slope at the activation", "right there alone"
    assert check_formula(RIGHT, chain, *WEIGHTS)


def test_the_second_derivative_as_the_sheet_prints_it():
    assert check_formula("(eˣ − 1)eˣ/(eˣ + 1)³", grad(sigmoid)).cause == "sign"
    verdict = check_formula("(1 − eˣ)eˣ/(eˣ + 1)³", grad(sigmoid))
    assert verdict.cause == "small x only"
    assert check_formula("(1 − eˣ)eˣ/(eˣ + 1)³", grad(sigmoid), largest=200)
    assert check_formula("σ″(x)", grad(sigmoid))


def test_the_first_derivative_as_the_sheet_prints_it():
    verdict = check_formula("eˣ/(eˣ + 1)²", sigmoid)
    assert verdict.cause == "small x only"
    assert "up to |x| = 200; at x = 400 it is 0, not 1.91517e-174" in str(verdict)
    assert check_formula("eˣ/(eˣ + 1)²", sigmoid, largest=100)


@pytest.mark.parametrize(
    ("formula", "f", "cause"),
    [
        ("y·(1 − y)", sigmoid, "small x only"),
        ("x·(1 − x)", sigmoid, "x in y's place"),
        ("1 − x²", np.tanh, "x in y's place"),
        ("1/4", sigmoid, "small x only"),
        ("1 - x**2/2", np.sin, "small x only"),
        ("σ'(y)", sigmoid, "slope at the value"),
        ("σ(x)", sigmoid, "the function"),
        ("w·σ'(x)", neuron, "slope at the activation"),
        ("σ'(w·x)", neuron, "factor left out"),
        ("w", neuron, "factor left out"),
        ("w²·σ'(w·x)", neuron, "factor doubled"),
        ("x·σ'(w·x)", neuron, "another argument"),
        ("w·x·σ'(w·x)", lambda x, w: x * sigmoid(w * x), "term missing"),
        ("σ(w·x)", lambda x, w: x * sigmoid(w * x), "term missing"),
        ("σ(w·x) − w·x·σ'(w·x)", lambda x, w: x * sigmoid(w * x), "sign of a term"),
        ("cos(2x)", lambda x: np.sin(2 * x), "constant factor"),
        ("cos(x) + 1", np.sin, None),
        ("exp(x)·sin(x) + y", np.sin, None),
    ],
)
def test_a_mistake_is_named(formula, f, cause):
    verdict = check_formula(formula, f)
    assert not verdict
    assert verdict.cause == cause
    assert (cause is None) == ("by no mistake that is known" in str(verdict))


def test_without_a_cause_the_numbers_are_shown():
    verdict = check_formula("cos(x) + 1", np.sin)
    worst = verdict.worst
    assert abs(worst.claimed - (np.cos(worst.at["x"]) + 1)) < 1e-12
    assert abs(worst.walk - np.cos(worst.at["x"])) < 1e-12
    assert abs(worst.difference - worst.walk) < 1e-9
    assert "claimed ÷ derivative goes from" in str(verdict)
    assert verdict.ratio[0] < 1 < verdict.ratio[1]


def test_what_holds_at_the_inputs_alone_is_said_so():
    verdict = check_formula("0.7", lambda x, w: w * x, 2.0, 0.7)
    assert verdict.cause is None
    assert str(verdict).endswith("it is right for the inputs as they are given, and not for others")


def test_matrices():
    a, b = np.ones((3, 2)), np.ones((2, 4))
    assert check_formula("g @ bᵀ", np.matmul, a, b)
    assert check_formula("aᵀ @ g", np.matmul, a, b, argnum=1)
    assert check_formula(LINEAR[np.matmul][1], np.matmul, a, b, argnum=1)
    assert check_formula("b @ gᵀ", np.matmul, a, b).cause == "transpose"
    square = np.ones((3, 3))
    assert check_formula("g @ b", np.matmul, square, square).cause == "transpose"
    assert check_formula("g @ b", np.matmul, a, b).cause == "no such value", "the shapes do not fit"


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (lambda x: None, "None"),
        (lambda x: "cos", "no real number"),
        (lambda x: 1j, "complex"),
        (lambda x: np.zeros(3), "shape (3,)"),
        (lambda x: [[1.0], 2.0], "no array"),
        (lambda x: 1 / 0, "nan"),
    ],
)
def test_what_is_no_derivative_is_a_wrong_one(claimed, said):
    verdict = check_formula(claimed, np.sin)
    assert not verdict
    assert said in str(verdict)


def test_a_claimed_function_may_use_tensors_and_pythons_numbers():
    import math

    assert check_formula(lambda x: Tensor(x).cos(), np.sin)
    assert check_formula(lambda x: math.cos(x), np.sin)
    assert check_formula(lambda x: math.exp(x), np.exp)
    assert check_formula(lambda y, x: y, np.exp)
    assert check_formula(np.cos, np.sin)
    assert check_formula(lambda x: 0.5 / math.sqrt(x), np.sqrt), "it is asked where f is, and nowhere else"


def test_what_a_claimed_function_raises_is_passed_on():
    with pytest.raises(KeyError):
        check_formula(lambda x: {}["x"], np.sin)


def test_a_wrong_rule_of_f_is_no_mistake_of_the_claim():
    def double(x):
        return 2 * x

    with pytest.raises(GradientError, match=r"2\.001"):
        check_formula("2.001", define(double, lambda y, x: 2.001))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3.0, np.sin), {}, "float is no formula"),
        (("x", 3.0), {}, "float is no function"),
        (("x", np.sin, 1.0, 2.0), {}, "give an input for each"),
        (("x", np.sin), {"argnum": 1}, "no argument 1"),
        ((lambda x, w: x, np.sin), {}, "takes 2 arguments"),
        (("x", lambda x: [x]), {}, "f returned a list"),
        (("x", lambda x: np.sqrt(-1 - x * x)), {}, "0 of 288 points"),
        (("x", lambda *x: x[0]), {}, "give an input for each"),
        (("x", np.where, True, 1.0, 2.0), {"names": "cab"}, "c is True or False"),
    ],
)
def test_a_wrong_use_is_refused(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=message) as refused:
        check_formula(*arguments, **options)
    assert str(refused.value).startswith("check_formula: ")


def test_few_points_support_no_cause():
    """max(x, 2) has a slope at few of the points; what is twice as large there may be so by chance."""
    verdict = check_formula("2[x > 2]", lambda x: np.maximum(x, 2.0))
    assert (bool(verdict), verdict.cause, verdict.ratio[1]) == (False, None, 2.0)
    assert check_formula("2[x > 0]", relu).cause == "constant factor"


def test_the_same_on_every_run():
    assert check_formula("x", np.sin) == check_formula("x", np.sin)
    assert check_formula("x", np.sin, seed=1).cause is None


# The command.


@pytest.fixture
def answered(call):
    """Run the command; its stdout is put on one line."""

    def answered(*arguments):
        code, out, err = call(*arguments)
        return code, " ".join(out.split()), err

    return answered


def test_the_command_checks_a_formula(answered):
    code, out, err = answered("--check", AS_PRINTED)
    assert (code, err) == (1, "")
    assert out.startswith(
        "wrong: σ' is taken at a4 and not at z5 (and so in 5 places), which is the same for weights of 1;"
    )
    ascii_only = AS_PRINTED.replace("σ", "s").replace("·", "*")
    assert answered("--check", ascii_only) == (code, out, err)
    code, out, err = answered("--check", RIGHT)
    assert (code, err) == (0, "")
    assert out.startswith("right: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--weights", "2", "3", "--check", "-w2*s'(z2)*w1*s'(z1)"], 1, "the sign is turned"),
        (["--weights", "2", "3", "--biases", "1", "-1", "--check", "w2*s'(z2)*w1*s'(z1)"], 0, "right: "),
        (["--weights", "2", "3", "--biases", "1", "-1", "--check", "w2*s'(z2)*b1*s'(z1)"], 1, "by no mistake"),
        (
            ["--weights", "2", "3", "--activation", "tanh", "--check", "w2*tanh'(a1)*w1*tanh'(x)"],
            1,
            "tanh' is taken at a1",
        ),
        (["--weights", "2", "3", "--activation", "relu", "--check", "w2*[z2 > 0]*w1*[z1 > 0]"], 0, "right: "),
        (["--depth", "3", "--weight", "2", "--check", "w3*s'(z3)*w2*s'(z2)*w1*s'(z1)"], 0, "right: "),
        (["--weights", "2", "--check", "w1*s'(z2)"], 2, "column 7 of the formula, w1*s'(▸z2): z2 is unknown"),
        (["--weights", "2", "--check", ""], 2, "column 1"),
        (["--depth", "51", "--weight", "2", "--check", "x"], 2, "at most 50 layers"),
        (["--check", "x", "--format", "json"], 2, "leave out --format"),
        (["--check", "x", "--plot", "chain.png"], 2, "leave out --format, --plot"),
        (["--check", "x", "--dtype", "float32"], 2, "and --dtype"),
    ],
)
def test_the_command_and_its_exit_code(answered, arguments, code, said):
    found, out, err = answered(*arguments)
    assert (found, said in (err if code == 2 else out)) == (code, True), (found, out, err)
    assert err.count("\n") == (code == 2)


def test_fifty_layers_are_checked(answered):
    right = "*".join(f"w{i}*s'(z{i})" for i in range(1, 51))
    assert answered("--depth", "50", "--weight", "2", "--check", right)[0] == 0


def test_the_verdict_is_written_to_a_file(answered, tmp_path):
    path = tmp_path / "verdict.txt"
    assert answered("--weights", "2", "--check", "w1", "--output", str(path)) == (1, "", "")
    assert path.read_text(encoding="utf-8").startswith("wrong: it leaves out the factor σ'(z1)")


# The reader.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2·3", 7),
        ("(1 + 2)3", None),
        ("3(1 + 2)", 9),
        ("2x", 3),
        ("-x²", -2.25),
        ("x⁻²", 1.5**-2),
        ("2^-x", 2**-1.5),
        ("2^x^2", 2**2.25),
        ("x − 1 − 1", -0.5),
        ("8 / 2 / 2", 2),
        ("eˣ", np.exp(1.5)),
        ("exp(x)", np.exp(1.5)),
        ("w₅·σ′(a₄)", 2 * sigmoid_prime(0.5)),
        ("w5*s'(a4)", 2 * sigmoid_prime(0.5)),
        ("sigmoid''(x)", grad(grad(sigmoid))(1.5)),
        ("tanh'(x)", 1 / np.cosh(1.5) ** 2),
        ("|1 − x|", 0.5),
        ("[x > 0]·x", 1.5),
        ("[x = 0]", 0),
        ("max(x, w5)", 2),
        ("π", np.pi),
        ("sqrt(x) / 2", 1.5**0.5 / 2),
        (".5e1", 5),
        ("x.T", 1.5),
        ("e", 7),
    ],
)
def test_a_formula_is_read(text, value):
    values = {"x": 1.5, "w5": 2.0, "a4": 0.5}
    values = values | {"e": 7.0} if text == "e" else values
    if value is None:
        with pytest.raises(FormulaError):
            Formula(text, values)
    else:
        assert Formula(text, values)(values) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "is missing; the end is here"),
        ("x +", 4, "is missing; the end is here"),
        ("w·σ'(z9)", 6, "z9 is unknown; what f names is w, x"),
        ("w·σ", 3, "σ is a function"),
        ("σ' x", 4, r"\( after it is missing"),
        ("(x", 3, r"\) is missing, for the \( in column 1"),
        ("x)", 2, "is not expected"),
        ("1/2x", 4, "above or below the line"),
        ("x $ 2", 3, "no place in a formula"),
        ("max(x)", 1, "max takes 2 arguments, not 1"),
        ("max'(x, w)", 1, "no prime"),
        ("[x]", 3, "comparison is missing"),
        ("f'(x)", 1, "f is no function"),
        ("1.5.2", 4, "is not expected"),
        ("x" + "ˣ" * 2, 2, "no exponent"),
        ("(" * 60 + "x", 51, "more than 50 deep"),
        ("^".join("x" * 60), None, "more than 50 deep"),
        ("__import__('os')", 11, "unknown|is not expected|is no function"),
    ],
)
def test_an_error_points_at_its_column(text, column, message):
    with pytest.raises(FormulaError, match=message) as refused:
        Formula(text, {"w", "x"})
    assert str(refused.value).count("▸") == 1
    assert "\n" not in str(refused.value)
    assert column is None or text.startswith("__") or refused.value.column == column


def test_long_formulas_are_read():
    assert Formula("+".join(["x"] * 5000), {"x"})({"x": 1.0}) == 5000
    assert Formula("-" * 5001 + "x", {"x"})({"x": 1.0}) == -1


# The tables: every mistake in every row that admits it.

SKIPPED = {
    *(fn.scatter, fn.cast, fn.rearranged, fn.recurrence, np.where, fn.concatenate, fn.stack, fn.contract),
    *(np.broadcast_to, fn.getitem),
}
BY_VALUE = {
    sigmoid: lambda y: y * (1 - y),
    np.tanh: lambda y: 1 - y**2,
    np.tan: lambda y: 1 + y**2,
    np.exp: lambda y: y,
}
FRESH = np.random.default_rng(7)


class Case:
    """A row with w·x in the place of its argument at a position, its derivative by x, and the mistakes in that.

    All of them are functions of g and y and the arguments, as an entry of the tables is; w is the last argument.
    """

    def __init__(self, function, position, arguments, params):
        self.function, self.position, self.params = function, position, params
        self.elementwise = function in LOCAL
        self.inputs = [*(a if not self.elementwise else np.asarray(a).flat[0] for a in arguments), 1.3]
        self.names = [*(f"x{i}" for i in range(len(arguments))), "w"]
        self.entry = (LOCAL if self.elementwise else LINEAR)[function][position]

    def put(self, args):
        """The arguments of the row."""
        *args, w = args
        return [w * a if i == self.position else a for i, a in enumerate(args)]

    def f(self, *args):
        return self.function(*self.put(args), **self.params)

    def times_itself(self, *args):
        return args[self.position] * self.f(*args)

    def slope(self, g, y, args):
        """The gradient with respect to the argument of the row."""
        return g * self.entry(y, *args) if self.elementwise else self.entry(g, y, *args, **self.params)

    def right(self, g, y, *args):
        return args[-1] * self.slope(g, y, self.put(args))

    def slopes(self):
        """(cause, the wrong slope) where a mistake is one in the slope of the row: functions of g and the arguments."""
        x, known = self.position, BY_VALUE.get(self.function, lambda z: self.entry(z, z))

        def slope_at(u, g, args):
            moved = [u if i == x else a for i, a in enumerate(self.put(args))]
            return self.slope(g, self.function(*moved), moved)

        if self.elementwise and len(self.names) == 2:
            yield "slope at the activation", lambda g, *args: slope_at(args[x], g, args)
            yield "slope at the value", lambda g, *args: slope_at(self.f(*args), g, args)
            yield "x in y's place", lambda g, *args: g * known(args[-1] * args[x])

    def mistakes(self):
        """(cause, what is claimed, f) of each that is made."""
        right, product, f = self.right, self.right_of_product, self.f
        yield "sign", lambda *v: -right(*v), f
        yield "constant factor", lambda *v: 2.5 * right(*v), f
        yield "factor left out", lambda g, y, *args: self.slope(g, y, self.put(args)), f
        yield "factor doubled", lambda *v: v[-1] * right(*v), f
        if np.ndim(self.inputs[self.position]) == 2:
            yield "transpose", lambda *v: np.transpose(right(*v)), f
        for cause, slope in self.slopes():
            yield cause, lambda g, y, *args, slope=slope: args[-1] * slope(g, *args), f
        if self.elementwise:
            yield "term missing", lambda g, y, *args: product(g, y, *args, of_slope=0), self.times_itself
            yield "term missing", lambda g, y, *args: product(g, y, *args, of_value=0), self.times_itself
            yield "sign of a term", lambda g, y, *args: product(g, y, *args, of_slope=-1), self.times_itself

    def explanations(self):
        """The same, and what comes to the same number as one of them in some rows."""
        yield from self.mistakes()
        if self.elementwise:
            f, product, x = self.f, self.right_of_product, self.position

            def local(args):
                return self.slope(1.0, f(*args), self.put(args))

            yield "factor left out", lambda g, y, *args: g * args[-1], f
            yield "factor doubled", lambda g, y, *args: g * args[-1] * local(args) ** 2, f
            yield "sign of a term", lambda g, y, *args: product(g, y, *args, of_value=-1), self.times_itself
            for factor in (f, lambda *a: a[x], lambda *a: a[-1], lambda *a: local(a)):
                for cause, power in (("factor left out", -1), ("factor doubled", 1)):

                    def changed(g, y, *args, factor=factor, power=power, which="of_slope"):
                        return product(g, y, *args, **{which: factor(*args) ** float(power)})

                    yield cause, changed, self.times_itself
                    yield cause, partial(changed, which="of_value"), self.times_itself
            for cause, slope in self.slopes():
                yield (
                    cause,
                    lambda g, y, *args, slope=slope: g * f(*args) + args[x] * args[-1] * slope(g, *args),
                    self.times_itself,
                )

    def right_of_product(self, g, y, *args, of_value=1, of_slope=1):
        """The derivative of x·f, with its two terms multiplied by these."""
        value = self.f(*args)
        return of_value * g * value + of_slope * args[self.position] * self.right(g, value, *args)

    def values(self, claim, f, seed):
        """What is claimed at five points that check_formula has not seen."""
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(40):
            args = [np.asarray(a * rng.lognormal(sigma=0.4, size=np.shape(a)))[()] for a in self.inputs]
            with np.errstate(all="ignore"):
                y = f(*args)
                g = np.asarray(rng.normal(size=np.shape(y)))[()]
                found.append((np.ravel(claim(g, y, *args)), np.ravel(self.reference(f)(g, y, *args))))
        return [pair for pair in found if all(np.isfinite(part).all() for part in pair)]

    def reference(self, f):
        return self.right_of_product if f == self.times_itself else self.right


def alike(pairs):
    return all(p.shape == q.shape and np.allclose(p, q, 1e-7, 1e-12) for p, q in pairs)


def cases():
    for function, entries in {**LOCAL.own, **LINEAR.own}.items():  # Another test may have defined a row.
        arguments, params = SAMPLES[function][0]
        for position in range(len(arguments)):
            if function not in SKIPPED and entries[position] is not None:
                yield Case(function, position, arguments, params)


def supported(case, cause, claim, f):
    """Whether a cause that is not the one that was made explains the claim too, at points that nobody has seen."""
    pairs = case.values(claim, f, 5)
    if cause == "constant factor":
        ratios = np.concatenate([p[q != 0] / q[q != 0] for p, q in pairs])
        return np.allclose(ratios, ratios[0], 1e-7)
    explained = [other for name, other, of in case.explanations() if name == cause and of == f]
    if cause == "the function":
        explained = [lambda g, y, *args: y]
    if cause == "another argument":
        explained = [lambda g, y, *args, i=i: by(case, f, g, args, i) for i in range(len(case.names))]
    return any(alike([(p, q) for (p, _), (q, _) in zip(pairs, case.values(e, f, 5), strict=False)]) for e in explained)


def by(case, f, g, args, i):
    """The gradient by another argument, from the engine."""
    return grad(lambda x: np.sum(g * f(*args[:i], x, *args[i + 1 :])))(args[i])


@pytest.mark.slow
def test_the_table_of_mistakes_in_every_row(monkeypatch):
    monkeypatch.setattr(points, "POINTS", 10)  # Fewer make it quicker, and a wrong cause likelier.
    made, named, twins, silent, wrong = Counter(), Counter(), Counter(), [], []
    for case in cases():
        for cause, claim, f in case.mistakes():
            if alike(case.values(claim, f, 3)):
                continue  # The row does not admit it.
            options = {"argnum": case.position, "names": case.names, "largest": 10.0}
            found = check_formula(leading(claim, case), f, *case.inputs, **options).cause
            made[cause] += 1
            if found == cause:
                named[cause] += 1
            elif found is None:
                silent.append((case.function.__name__, case.position, cause))
            elif supported(case, found, claim, f):
                twins[cause, found] += 1
            else:
                wrong.append((case.function.__name__, case.position, cause, found))
    right = named.total() + twins.total()
    print(f"{made.total()} mistakes: {named.total()} named, {twins.total()} by a name that explains them as well,")
    print(f"{len(silent)} by none {silent}, {len(wrong)} wrongly {wrong}\n{made}\n{twins}")
    assert not wrong
    assert right >= 0.9 * made.total()


def leading(claim, case):
    """The claim with the parameters that tell it takes g and y."""
    count = len(case.names)
    made = {2: lambda g, y, a, b: claim(g, y, a, b), 3: lambda g, y, a, b, c: claim(g, y, a, b, c)}
    made[4] = lambda g, y, a, b, c, d: claim(g, y, a, b, c, d)
    return made[count]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 10_000 + "x" + ")" * 10_000, "brackets are nested more than 50 deep"),
        ("x^" * 10_000 + "x", "powers are nested more than 50 deep"),
        ("x" + "ᵀ" * 20_000, "more than 50 exponents stand after each other"),
        ("x" + "² " * 20_000, "more than 50 exponents stand after each other"),
        ("sin" + "'" * 5000 + "(x)", "sin has more than 6 primes"),
        ("tanh" + "″" * 6 + "(x)", "tanh has more than 6 primes"),
    ],
)
def test_what_is_nested_without_end_is_refused_in_a_sentence(text, message):
    with pytest.raises(FormulaError, match=message):
        check_formula(text, np.sin)


@pytest.mark.parametrize("claimed", ["1/0", "exp(1000)", "1e999", "-1/(x − x)", lambda x: np.inf])
def test_what_is_infinite_everywhere_is_no_multiple_of_the_derivative(claimed):
    verdict = check_formula(claimed, np.sin)
    assert (verdict.right, verdict.cause) == (False, None)


def test_right_for_small_x_only_holds_at_every_point_that_was_looked_at():
    verdict = check_formula("√(1 − y²)", np.sin)
    assert verdict.cause == "small x only"
    assert 1 < float(verdict.sentence.split("|x| = ")[1].split(";")[0]) < np.pi / 2


def test_nothing_is_no_proof_of_a_formula():
    with pytest.raises(ValueError, match="x is empty, and nothing can be compared"):
        check_formula("1", np.sin, [])
