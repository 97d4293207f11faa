"""The words of a batch compiled: what the rules do to columns, as one loop over rows without columns in between.

The functions that judge (`sim.study.evaluate` and below) run once, on values of LLVM's instead of columns: each
operation becomes an instruction in the loop's body, and LLVM makes vectors of it. numpy stays the reference:
tests hold one to the other.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from sim.study.batch import Batch, OutcomeBits, SpaceModel
from sim.study.evaluate import outcome_bits
from sim.study.save_outcomes import Sets
from sim.study.symbolic_value import Operation, Value, constant
from sim.study.system_space import Setting

_SET, _ROWS = ir.IntType(16), ir.IntType(64)
_COLUMN = _SET.as_pointer()
_MOST_IN_A_LOOP = 256
"""Groups times settings in one loop: the time to compile one grows faster than what is in it."""
_OPTIMISATION = 3


_INSTRUCTIONS: dict[Operation, Callable[..., ir.Value]] = {
    Operation.AND: ir.IRBuilder.and_,
    Operation.OR: ir.IRBuilder.or_,
    Operation.XOR: ir.IRBuilder.xor,
    Operation.MINUS: ir.IRBuilder.sub,
    Operation.SHIFT_LEFT: ir.IRBuilder.shl,
    Operation.SHIFT_RIGHT: ir.IRBuilder.lshr,
    Operation.IS_LESS: lambda builder, one, other: builder.icmp_unsigned("<", one, other),
    Operation.IS_MORE: lambda builder, one, other: builder.icmp_unsigned(">", one, other),
    Operation.NOT: ir.IRBuilder.not_,
    Operation.NEGATIVE: ir.IRBuilder.neg,
}


class _Emitted(Value):
    """An integer of LLVM's: what is done with it becomes instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self._builder, self.value = builder, value

    def _do(self, operation: Operation, *others: object) -> "_Emitted":
        operands = (_as_llvm(one, self.value.type) for one in others)
        return _Emitted(self._builder, _INSTRUCTIONS[operation](self._builder, self.value, *operands))

    def astype(self, kind: type[np.uint16]) -> "_Emitted":  # noqa: ARG002 (sets are of one width)
        return _Emitted(self._builder, self._builder.zext(self.value, _SET))


class CompiledWords:
    """The words of batches under some settings, compiled; that takes a few milliseconds for each group and setting.

    Args:
        layout: of the space.
        settings: what the systems are booted under.
    """

    def __init__(self, layout: SpaceModel, settings: Sequence[Setting]) -> None:
        self._many = len(settings)
        together = max(1, _MOST_IN_A_LOOP // len(layout.space.groups))
        self._loops = [_Loop(layout, settings[start : start + together]) for start in range(0, self._many, together)]

    def __call__(self, columns: Sequence[Sets], rows: int) -> list[OutcomeBits]:
        """A word for each row, for every setting."""
        given = [one if one.size == rows else _repeated(int(one[0]), rows) for one in columns]
        out = list(np.empty((self._many, rows), np.uint16))
        left = iter(out)
        for loop in self._loops:
            loop(given, list(islice(left, loop.settings)), rows)
        return out


class _Loop:
    """One compiled loop, for some settings."""

    def __init__(self, layout: SpaceModel, settings: Sequence[Setting]) -> None:
        self.settings = len(settings)
        module = ir.Module()
        loop = _declare(module, len(layout.space.groups) + self.settings)
        _write_body(loop, layout, settings)
        _write_entry(module, loop)
        self._engine = _engine(module)
        address = self._engine.get_function_address("entry")
        self._entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(address)

    def __call__(self, columns: Sequence[Sets], out: Sequence[OutcomeBits], rows: int) -> None:
        addresses = np.array([_address(one) for one in (*columns, *out)], np.uintp)
        self._entry(_address(addresses), rows)


def _address(column: NDArray[Any]) -> int:
    assert column.flags.c_contiguous
    address: int = column.__array_interface__["data"][0]
    return address


@lru_cache(maxsize=128)
def _repeated(element: int, rows: int) -> Sets:
    return np.full(rows, element, np.uint16)


def _declare(module: ir.Module, columns: int) -> ir.Function:
    """A function that takes columns which do not overlap, and a number of rows."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_COLUMN] * columns + [_ROWS]), "loop")
    for column in function.args[:-1]:
        column.add_attribute("noalias")
    function.attributes.add("noinline")
    return function


def _write_body(loop: ir.Function, layout: SpaceModel, settings: Sequence[Setting]) -> None:
    start, body, end = (loop.append_basic_block(name) for name in ("start", "body", "end"))
    builder = ir.IRBuilder(start)
    builder.cbranch(builder.icmp_unsigned("==", loop.args[-1], _ROWS(0)), end, body)
    builder.position_at_end(body)
    row = builder.phi(_ROWS)
    row.add_incoming(_ROWS(0), start)
    groups = len(layout.space.groups)
    read = [_Emitted(builder, builder.load(builder.gep(column, [row]), typ=_SET)) for column in loop.args[:groups]]
    batch = Batch(layout, cast("list[Sets]", read), 1)
    for setting, column in zip(settings, loop.args[groups:-1], strict=True):
        builder.store(_as_llvm(outcome_bits(batch, setting), _SET), builder.gep(column, [row]))
    following = builder.add(row, _ROWS(1), flags=["nuw", "nsw"])
    row.add_incoming(following, body)
    builder.cbranch(builder.icmp_unsigned("==", following, loop.args[-1]), end, body)
    builder.position_at_end(end)
    builder.ret_void()


def _as_llvm(one: object, kind: ir.IntType) -> ir.Value:
    """A value of LLVM's, or a constant of a type."""
    return one.value if isinstance(one, _Emitted) else kind(constant(one) & ((1 << kind.width) - 1))


def _write_entry(module: ir.Module, loop: ir.Function) -> None:
    """What is called from Python: the columns' addresses are in memory."""
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [_COLUMN.as_pointer(), _ROWS]), "entry")
    builder = ir.IRBuilder(entry.append_basic_block())
    columns = [
        builder.load(builder.gep(entry.args[0], [_ROWS(place)]), typ=_COLUMN) for place in range(len(loop.args) - 1)
    ]
    builder.call(loop, [*columns, entry.args[1]])
    builder.ret_void()


def _engine(module: ir.Module) -> Any:
    """A module compiled for this machine; its functions live as long as it does."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(llvm.get_host_cpu_name(), features, opt=_OPTIMISATION, jit=True)
    parsed = llvm.parse_assembly(str(module))
    tuning = llvm.create_pipeline_tuning_options(speed_level=_OPTIMISATION)
    tuning.loop_vectorization = True
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine
