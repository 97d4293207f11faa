"""The steps of a batch compiled: the same functions, as ufuncs over columns of 16 bits.

A set of lengths is a type of its own here, 16 bits wide in registers as in memory, with the operators that
`sim.rules.Bits` asks for and no others. numpy stays the reference: tests hold one to the other.
"""

import operator
from collections.abc import Callable
from functools import cache, lru_cache
from inspect import isfunction, signature
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.core.typing.templates import signature as signature_of
from numba.extending import intrinsic, models, register_jitable, register_model
from numpy.typing import NDArray

from sim import rules
from sim.study import steps, turns
from sim.study.batch import Steps, Words

_BITS = ir.IntType(16)


class _Set(types.Type):
    def __init__(self) -> None:
        super().__init__("VqSet")


_set = _Set()


@register_model(_Set)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _BITS)


def _narrow(builder: Any, value: Any) -> Any:
    return value if value.type.width == _BITS.width else builder.trunc(value, _BITS)


@intrinsic
def _as_set(_context: Any, value: Any) -> Any:
    return _set(value), lambda _context, builder, _signature, arguments: _narrow(builder, arguments[0])


@intrinsic
def _as_uint16(_context: Any, value: Any) -> Any:
    return types.uint16(value), lambda _context, _builder, _signature, arguments: arguments[0]


def _operator(function: Callable[..., Any], instruction: str) -> None:
    """Give sets an operator; beside a set, an int is one too."""

    class Template(AbstractTemplate):
        def generic(self, arguments: tuple[Any, ...], _keywords: Any) -> Any:
            if _set not in arguments:
                return None
            return signature_of(_set, *(_set if one is _set else types.int64 for one in arguments))

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*(_narrow(builder, one) for one in arguments))

    infer_global(function)(Template)
    accepted = [(_set,)] if instruction in {"not_", "neg"} else [(_set, _set), (_set, types.Integer)]
    for arguments in accepted:
        lower_builtin(function, *arguments)(emit)


def _register() -> None:
    for function, instruction in (
        (operator.and_, "and_"),
        (operator.or_, "or_"),
        (operator.sub, "sub"),
        (operator.rshift, "lshr"),
        (operator.lshift, "shl"),
        (operator.invert, "not_"),
        (operator.neg, "neg"),
    ):
        _operator(function, instruction)
    for module in (rules, steps):
        for function in filter(isfunction, vars(module).values()):
            register_jitable(function)
    register_jitable(turns.turn)


def _compiled(ufunc: Any) -> Callable[..., Any]:
    """A function that calls a ufunc with columns of one length."""

    def call(*columns: NDArray[Any]) -> Words:
        rows = max([one.size for one in columns])
        if rows > 1:
            # Where one column has one element for all rows, the compiled loop is not vectorised.
            columns = tuple([one if one.size > 1 else _repeated(one.item(), one.dtype.char, rows) for one in columns])
        return cast("Words", ufunc(*columns))

    return call


@lru_cache(maxsize=128)
def _repeated(element: int, kind: str, rows: int) -> NDArray[Any]:
    return np.full(rows, element, kind)


def _step(step: Callable[..., Any]) -> Any:
    """A ufunc that calls a step on every row."""
    names = ", ".join(signature(step).parameters)
    wrapped = ", ".join(f"as_set({name})" for name in signature(step).parameters)
    scope = {"step": step, "as_set": _as_set, "as_uint16": _as_uint16}
    wrapper = eval(f"lambda {names}: as_uint16(step({wrapped}))", scope)  # noqa: S307 - the number of arguments varies
    kinds = ",".join(["uint16"] * len(signature(step).parameters))
    return numba.vectorize([f"uint16({kinds})"])(wrapper).ufunc


def _count(word: Words) -> NDArray[np.uint32]:
    """How often each word occurs; on two tables, so that neighbours that are alike need not wait for each other."""
    tables = np.zeros((2, steps.WORDS), np.uint32)
    whole = len(word) // 2 * 2
    for row in range(0, whole, 2):
        tables[0, word[row]] += 1
        tables[1, word[row + 1]] += 1
    for row in range(whole, len(word)):
        tables[0, word[row]] += 1
    times: NDArray[np.uint32] = tables[0] + tables[1]
    return times


@cache
def compiled_steps() -> Steps:
    """Compile the steps, which takes some seconds."""
    _register()
    by_step = (steps.found, steps.saved, steps.late, steps.announced_with, steps.told_of)
    found, saved, late, announced_with, told_of = (_compiled(_step(step)) for step in by_step)
    return Steps(
        found=found,
        saved=saved,
        late=late,
        announced_with=announced_with,
        told_of=told_of,
        earliest=_compiled(numba.vectorize(["uint32(uint32,uint16,uint16,uint16,uint16)"])(turns.earliest).ufunc),
        until=_compiled(numba.vectorize(["uint16(uint16,uint16,uint16,uint32)"])(turns.until).ufunc),
        before=_compiled(numba.vectorize(["uint16(uint16,uint16,uint32)"])(turns.before).ufunc),
        up_to=_compiled(numba.vectorize(["uint16(uint16,uint16,uint32)"])(turns.up_to).ufunc),
        counts=numba.njit(["uint32[::1](uint16[::1])"])(_count),
    )
