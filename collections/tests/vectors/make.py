"""Writes array.jsonl beside this file: what NumPy and Dask make of arrays, for the tests of brisk-collections.

Each line is a case: inputs with their chunks, an operation, the result. Every result is computed by NumPy; where Dask has the operation
it is computed by Dask too, over the same chunks, and both must agree. `cargo xtask vectors` runs this.
"""

import itertools
import json
import pathlib
import sys
import warnings

import dask
import dask.array as da
import numpy as np

dask.config.set(scheduler="synchronous")
warnings.simplefilter("ignore")
np.seterr(all="ignore")

TYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "u8": np.uint8, "bool": np.bool_}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
FLOATS, NUMBERS = ["f64", "f32"], ["f64", "f32", "i64", "i32", "u8"]
cases = []


def plain(x):
    """Elements as JSON can hold them."""
    if x.dtype.kind != "f":
        return x.ravel().tolist()
    return [float(v) if np.isfinite(v) else str(float(v)) for v in x.ravel()]


def array(x, chunks=None):
    x = np.asarray(x)
    chunks = chunks or [[n] for n in x.shape]
    return {"dtype": NAMES[x.dtype], "shape": list(x.shape), "chunks": [list(c) for c in chunks], "data": plain(x)}


def add(name, op, inputs, result, with_dask=None, **arguments):
    """Notes a case. `inputs` are pairs of an array and its chunks."""
    result = np.asarray(result)
    if with_dask is not None:
        over = [da.from_array(x, chunks=tuple(tuple(c) for c in chunks)) for x, chunks in inputs]
        theirs = np.asarray(with_dask(*over).compute())
        exact = result.dtype.kind != "f"
        tolerance = 1e-5 if result.dtype == np.float32 else 1e-12
        same = np.array_equal(theirs, result) if exact else np.allclose(theirs, result, rtol=tolerance, atol=1e-6, equal_nan=True)
        if theirs.shape != result.shape or not same:
            sys.exit(f"{name}: Dask has {theirs!r}, NumPy {result!r}")
    cases.append({"name": name, "op": op, "inputs": [array(x, c) for x, c in inputs], "arguments": arguments, "result": array(result)})


def sample(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype == "u8":
        return rng.integers(0, 50, shape).astype(np.uint8)
    if dtype in ("i64", "i32"):
        return rng.integers(-50, 50, shape).astype(TYPES[dtype])
    return (rng.normal(size=shape) * 3).astype(TYPES[dtype])


def elementwise():
    inside = {"asin", "acos"}
    positive = {"sqrt", "ln", "log2", "log10", "ln_1p"}
    functions = {
        "neg": np.negative, "abs": np.abs, "signum": np.sign, "sqrt": np.sqrt, "cbrt": np.cbrt, "exp": np.exp, "exp_m1": np.expm1,
        "ln": np.log, "ln_1p": np.log1p, "log2": np.log2, "log10": np.log10, "sin": np.sin, "cos": np.cos, "tan": np.tan,
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
        "floor": np.floor, "ceil": np.ceil, "round": np.rint, "trunc": np.trunc, "is_nan": np.isnan, "is_finite": np.isfinite,
        "is_infinite": np.isinf,
    }
    special = np.array([0.0, -0.5, 0.5, 1.5, 2.5, -1.0, np.nan, np.inf, -np.inf])
    for (name, f), dtype in itertools.product(functions.items(), FLOATS):
        x = sample(dtype, (7,), 1)
        if name in inside:
            x = np.sin(x)
        if name in positive:
            x = np.abs(x)
        x = np.concatenate([x, special.astype(TYPES[dtype])])
        add(f"{name} of {dtype}", name, [(x, [[5, 11]])], f(x), f)
    for name, dtype in itertools.product(["abs", "signum"], ["i64", "i32", "u8"]):
        x = sample(dtype, (3, 4))
        f = functions[name]
        add(f"{name} of {dtype}", name, [(x, [[2, 1], [3, 1]])], f(x), f)
    for dtype in NUMBERS:
        x = sample(dtype, (3, 4))
        add(f"square of {dtype}", "powi", [(x, [[2, 1], [3, 1]])], x * x, lambda x: x * x, exponent=2)
        add(f"fifth power of {dtype}", "powi", [(x[:2], [[2], [3, 1]])], x[:2] ** 5, lambda x: x**5, exponent=5)
        low, high = (5, 20) if dtype == "u8" else (-2, 4)
        low, high = TYPES[dtype](low), TYPES[dtype](high)
        add(f"clip {dtype}", "clip", [(x, [[1, 2], [4]])], np.clip(x, low, high), lambda x: da.clip(x, low, high), low=float(low), high=float(high))
    x = sample("bool", (5,))
    add("not", "not", [(x, [[2, 3]])], ~x, lambda x: ~x)
    for a, b in itertools.product(TYPES, TYPES):
        x = np.array([0.0, 1.7, 2.0, 100.25]).astype(TYPES[a])
        add(f"{a} as {b}", "cast", [(x, [[1, 3]])], x.astype(TYPES[b]), lambda x: x.astype(TYPES[b]), to=b)


def quotient(x, y):
    """Towards zero, as Rust and C divide integers."""
    if x.dtype.kind == "f":
        return x / y
    down = x // y
    return (down + ((x % y != 0) & ((x < 0) != (y < 0)))).astype(x.dtype)


PAIRS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": quotient, "rem": np.fmod, "minimum": np.minimum, "maximum": np.maximum,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}


def pairs():
    for (name, f), dtype in itertools.product(PAIRS.items(), NUMBERS):
        x, y = sample(dtype, (4, 5), 2), sample(dtype, (4, 5), 3)
        y[y == 0] = 1
        add(f"{name} of {dtype}", name, [(x, [[1, 3], [5]]), (y, [[2, 2], [3, 2]])], f(x, y), f)
    for name, f in {"powf": np.power, "atan2": np.arctan2, "hypot": np.hypot}.items():
        for dtype in FLOATS:
            x, y = np.abs(sample(dtype, (6,), 4)), sample(dtype, (6,), 5)
            add(f"{name} of {dtype}", name, [(x, [[4, 2]]), (y, [[1, 5]])], f(x, y), f)
    for name, f in {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
        x, y = sample("bool", (3, 3), 6), sample("bool", (3, 3), 7)
        add(name, name, [(x, [[1, 2], [3]]), (y, [[3], [2, 1]])], f(x, y), f)
    nan = np.array([1.0, np.nan, np.inf, -np.inf, np.nan, 0.0, -0.0])
    for name in ["add", "sub", "mul", "div", "minimum", "maximum", "lt", "le", "eq", "ne"]:
        add(f"{name} of what is no number", name, [(nan, [[3, 4]]), (nan[::-1].copy(), [[7]])], PAIRS[name](nan, nan[::-1]), PAIRS[name])
    wrap = np.array([127, 255, 200], np.uint8)
    add("u8 wraps around", "add", [(wrap, [[3]]), (wrap, [[1, 2]])], wrap + wrap, np.add)
    big = np.array([2**62, -(2**62), 2**63 - 1])
    add("i64 wraps around", "mul", [(big, [[2, 1]]), (np.array([2, 3, 5]), [[3]])], big * np.array([2, 3, 5]), np.multiply)


def broadcasting():
    shapes = [
        ((3, 4), (4,)), ((3, 1), (1, 4)), ((3, 1), (4,)), ((2, 3, 4), (3, 1)), ((1,), (5,)), ((), (3,)), ((2, 1, 3), (4, 1)), ((1, 1), (1,)),
        ((0, 3), (3,)), ((0,), (1,)), ((4, 0), (4, 1)), ((5, 1, 1), (1, 6, 1)),
    ]
    for place, (left, right) in enumerate(shapes):
        x, y = sample("f64", left, place), sample("f64", right, 50 + place)
        chunks = lambda shape: [[n - n // 2, n // 2] if n > 1 else [n] for n in shape]
        for name in ["add", "lt"]:
            add(f"{name} of {left} and {right}", name, [(x, chunks(left)), (y, chunks(right))], PAIRS[name](x, y), PAIRS[name])
    c, x, y = sample("bool", (3, 1), 1), sample("i32", (4,), 2), sample("i32", (3, 4), 3)
    add("where", "where", [(c, [[2, 1], [1]]), (x, [[1, 3]]), (y, [[3], [4]])], np.where(c, x, y), da.where)
    add("broadcast_to", "broadcast_to", [(sample("f32", (3, 1), 9), [[1, 2], [1]])], np.broadcast_to(sample("f32", (3, 1), 9), (2, 3, 4)),
        lambda x: da.broadcast_to(x, (2, 3, 4)), shape=[2, 3, 4])


def reductions():
    shape, chunks = (3, 4, 5), [[2, 1], [1, 3], [2, 2, 1]]
    every = [None, [0], [1], [2], [-1], [0, 1], [0, 2], [1, 2], [0, 1, 2]]
    for dtype in TYPES:
        x = sample(dtype, shape, 11)
        acc = TYPES[dtype] if dtype in FLOATS else np.int64
        mean = TYPES[dtype] if dtype in FLOATS else np.float64
        some = every if dtype in ("f64", "i32") else [None, [1], [0, 2]]
        for axes in some:
            axis = None if axes is None else tuple(axes)
            wide = x.astype(np.float64)
            add(f"sum of {dtype} over {axes}", "sum", [(x, chunks)], x.sum(axis, dtype=acc), lambda x: x.sum(axis, dtype=acc), axes=axes)
            add(f"mean of {dtype} over {axes}", "mean", [(x, chunks)], wide.mean(axis).astype(mean), axes=axes)
            if dtype != "bool":
                add(f"min of {dtype} over {axes}", "min", [(x, chunks)], x.min(axis), lambda x: x.min(axis), axes=axes)
            if axes in (None, [1]):
                for ddof in (0, 1):
                    add(f"var of {dtype} over {axes} less {ddof}", "var", [(x, chunks)], wide.var(axis, ddof=ddof).astype(mean), axes=axes, ddof=ddof)
                add(f"std of {dtype} over {axes}", "std", [(x, chunks)], wide.std(axis).astype(mean), axes=axes, ddof=0)
                add(f"any of {dtype} over {axes}", "any", [(x, chunks)], x.any(axis), lambda x: x.any(axis), axes=axes)
                add(f"all of {dtype} over {axes}", "all", [(x, chunks)], x.all(axis), lambda x: x.all(axis), axes=axes)
                if dtype != "bool":
                    add(f"max of {dtype} over {axes}", "max", [(x, chunks)], x.max(axis), lambda x: x.max(axis), axes=axes)
                    small = np.clip(x, 0, 2) if dtype == "u8" else np.clip(x, -2, 2)
                    add(f"prod of {dtype} over {axes}", "prod", [(small, chunks)], small.prod(axis, dtype=acc), lambda x: x.prod(axis, dtype=acc), axes=axes)
        if dtype != "bool":
            tied = np.clip(x, 0, 3)
            for name, axis in itertools.product(["argmin", "argmax"], [None, 0, -1]):
                f = getattr(np, name)
                # Of equals in several chunks Dask finds another than the first when all axes go.
            theirs = None if axis is None else lambda x: getattr(da, name)(x, axis)
            add(f"{name} of {dtype} along {axis}", name, [(tied, chunks)], f(tied, axis), theirs, axis=axis)


def awkward_reductions():
    x = sample("f64", (4, 6), 12)
    x[1, 2] = x[3, 0] = np.nan
    x[2, 5] = np.inf
    chunks = [[1, 3], [2, 4]]
    for name, axes in itertools.product(["sum", "prod", "min", "max", "mean", "any", "all"], [None, [0], [1]]):
        axis = None if axes is None else tuple(axes)
        add(f"{name} over {axes} with what is no number", name, [(x, chunks)], getattr(np, name)(x, axis), lambda x: getattr(x, name)(axis), axes=axes)
    for axis in (None, 0, 1):
        for name in ("argmin", "argmax"):
            add(f"{name} along {axis} with what is no number", name, [(x, chunks)], getattr(np, name)(x, axis), axis=axis)
    infinite = np.array([[1.0, np.inf], [-1.0, np.inf], [2.0, -np.inf]])
    add("mean with infinities", "mean", [(infinite, [[1, 1, 1], [2]])], infinite.mean(0), axes=[0])
    for shape, axes in itertools.product([(0,), (0, 3), (3, 0)], [None, [0]]):
        x = np.zeros(shape)
        axis = None if axes is None else tuple(axes)
        for name in ["sum", "prod", "any", "all", "mean"]:
            add(f"{name} of {shape} over {axes}", name, [(x, [[n] for n in shape])], getattr(np, name)(x, axis), axes=axes)
    add("max of (3, 0) over the first axis", "max", [(np.zeros((3, 0)), [[2, 1], [0]])], np.zeros((3, 0)).max(0), axes=[0])
    far = np.array([4.0, 7.0, 13.0, 16.0]) + 1e9
    add("var far from zero", "var", [(far, [[1, 2, 1]])], far.var(ddof=1), axes=None, ddof=1)
    add("var of one less one", "var", [(far[:1], [[1]])], far[:1].var(ddof=1), axes=None, ddof=1)
    add("sum of a scalar", "sum", [(np.array(5.0), [])], 5.0, axes=None)
    add("mean of i64 beyond f64's integers", "mean", [(np.array([2**60, 2**60 + 2]), [[1, 1]])], np.array([2**60, 2**60 + 2]).mean(), axes=None)
    add("argmax of all equal", "argmax", [(np.ones((3, 3)), [[1, 2], [2, 1]])], 0, axis=None)


def slicing():
    x = sample("i64", (7, 6), 13)
    chunks = [[3, 1, 3], [4, 2]]
    keys = [
        np.s_[2:5], np.s_[:, 1:], np.s_[::2], np.s_[1::3, ::2], np.s_[::-1], np.s_[::-2, ::-1], np.s_[5:1:-2], np.s_[:, ::-3], np.s_[3], np.s_[-1],
        np.s_[:, -2], np.s_[2, 3], np.s_[2:2], np.s_[:, 6:], np.s_[None], np.s_[1:3, None, ::2], np.s_[4, None], np.s_[-3:, -2:], np.s_[:, 5::-4],
        np.s_[6:0:-1, 1:5:3], np.s_[0], np.s_[::7], np.s_[6::-6],
    ]
    for key in keys:
        parts, axis = [], 0
        for part in key if isinstance(key, tuple) else (key,):
            if part is None:
                parts.append("new")
                continue
            if isinstance(part, slice):
                start, stop, step = part.indices(x.shape[axis])
                # ndarray's ranges are of ascending bounds; a negative step goes through them from the end.
                parts.append([start, max(start, stop), step] if step > 0 else [min(stop, start) + 1, start + 1, step])
            else:
                parts.append(int(part))
            axis += 1
        add(f"slice {key}", "slice", [(x, chunks)], x[key], lambda x: x[key], parts=parts)
    empty = np.zeros((0, 3))
    add("slice of nothing", "slice", [(empty, [[0], [2, 1]])], empty[:, ::-1], lambda x: x[:, ::-1], parts=[[0, 0, 1], [0, 3, -1]])


def shapes():
    x = sample("f64", (4, 3, 2), 14)
    chunks = [[1, 3], [2, 1], [2]]
    for axes in itertools.permutations(range(3)):
        add(f"transpose {axes}", "transpose", [(x, chunks)], x.transpose(axes), lambda x: x.transpose(axes), axes=list(axes))
    for shape in [(24,), (4, 6), (12, 2), (2, 2, 3, 2), (8, 3), (1, 24, 1), (3, 8), (4, 3, 2), (6, 4), (2, 12)]:
        for cut in [chunks, [[2, 2], [3], [2]], [[1, 1, 1, 1], [3], [1, 1]]]:
            # Dask has no reshape that takes axes apart and puts them together otherwise.
            theirs = (lambda x: x.reshape(shape)) if shape in [(24,), (12, 2), (4, 6), (4, 3, 2)] else None
            add(f"reshape {shape} of {cut}", "reshape", [(x, cut)], x.reshape(shape), theirs, shape=list(shape))
    add("reshape of nothing", "reshape", [(np.zeros((0, 4)), [[0], [4]])], np.zeros((2, 0, 3)), shape=[2, 0, 3])
    add("reshape of a scalar", "reshape", [(np.array(3), [])], np.array([[3]]), shape=[1, 1])
    add("reshape to a scalar", "reshape", [(np.array([[3]]), [[1], [1]])], np.array(3), shape=[])
    for new in [[[4], [3], [2]], [[2, 2], [1, 1, 1], [1, 1]], [[3, 1], [3], [1, 1]]]:
        add(f"rechunk to {new}", "rechunk", [(x, chunks)], x, lambda x: x.rechunk(tuple(map(tuple, new))), chunks=new)
    a, b, c = sample("i32", (2, 3), 15), sample("i32", (4, 3), 16), sample("i32", (0, 3), 17)
    add("concatenate", "concatenate", [(a, [[1, 1], [2, 1]]), (b, [[4], [3]]), (c, [[0], [3]])], np.concatenate([a, b, c]), axis=0)
    add("concatenate along the last axis", "concatenate", [(a, [[2], [1, 2]]), (a, [[1, 1], [3]])], np.concatenate([a, a], -1),
        lambda *xs: da.concatenate(xs, -1), axis=-1)
    add("concatenate nothing", "concatenate", [(c, [[0], [3]]), (c, [[0], [1, 2]])], np.concatenate([c, c]), axis=0)
    for axis in (0, 1, 2, -1):
        add(f"stack along {axis}", "stack", [(a, [[1, 1], [2, 1]]), (a + 1, [[2], [3]])], np.stack([a, a + 1], axis), lambda *xs: da.stack(xs, axis), axis=axis)


def products():
    for dtype in NUMBERS:
        x, y = sample(dtype, (5, 11), 18), sample(dtype, (11, 4), 19)
        add(f"matmul of {dtype}", "matmul", [(x, [[2, 3], [1] * 11]), (y, [[5, 6], [3, 1]])], x @ y, None if dtype == "u8" else da.matmul)
    x, y = sample("f64", (3, 4), 20), sample("f64", (4,), 21)
    add("matrix with vector", "matmul", [(x, [[1, 2], [2, 2]]), (y, [[3, 1]])], x @ y, da.matmul)
    add("vector with matrix", "matmul", [(y, [[4]]), (x.T.copy(), [[4], [3]])], y @ x.T, da.matmul)
    add("vector with vector", "matmul", [(y, [[3, 1]]), (y, [[1, 3]])], y @ y)
    add("matmul of nothing", "matmul", [(np.zeros((2, 0)), [[1, 1], [0]]), (np.zeros((0, 3)), [[0], [3]])], np.zeros((2, 3)))


for part in (elementwise, pairs, broadcasting, reductions, awkward_reductions, slicing, shapes, products):
    part()
out = pathlib.Path(__file__).with_name("array.jsonl")
with open(out, "w") as file:
    for case in cases:
        file.write(json.dumps(case, separators=(",", ":")) + "\n")
print(f"{len(cases)} cases, by NumPy {np.__version__} and Dask {dask.__version__}")
