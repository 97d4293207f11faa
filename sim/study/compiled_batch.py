"""Compiled batches: the words of a batch, from one loop over rows without intermediate columns.

An evaluation (`sim.study.evaluation`) runs once, on values that emit LLVM IR. Each operation becomes an instruction in
the loop's body, and LLVM vectorises the loop. numpy computes each operation as a column of its own, and so spends its
time between columns. It remains the reference: `tests/study/test_compiled_batch.py` compares the two.
"""

import ctypes
from collections.abc import Sequence
from functools import lru_cache, partial

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from sim.study.batch import OutcomeBits
from sim.study.column import Sets, narrow_sets
from sim.study.emitted import WIDE, Emitted, range_of_bits
from sim.study.evaluation import Evaluation
from sim.study.space_model import SpaceModel
from sim.study.system_space import Group, Setting
from sim.study.systems import Systems

_ROWS = ir.IntType(64)
_ADDRESS = ir.IntType(8).as_pointer()
_MOST_IN_A_LOOP = 256
"""The largest product of groups and settings in one loop: the time to compile a loop grows faster than its length."""
_addressof, _from_buffer = ctypes.addressof, ctypes.c_char.from_buffer
"""The address of a writeable, contiguous array, in a quarter of the time of its ``ctypes.data``, and without a call of
a function of ours: a block's loop takes only about 15 µs, and reads ten arrays."""
_PADDING_ROWS = 32
"""Rows between the words of two settings, a cache line: without them all words of a row of a block, which has a power
of two rows, would lie in the same few lines of the cache, and drive each other out."""
_OPTIMISATION = 3


class CompiledWords:
    """The words of batches under some settings, compiled.

    Compiling takes a few milliseconds for each group and setting.

    Args:
        model: what all systems of the space share.
        settings: the settings to boot the systems under.
    """

    def __init__(self, model: SpaceModel, settings: Sequence[Setting]) -> None:
        self._settings = len(settings)
        self._kinds = [narrow_sets(group.sets_vqs).dtype for group in model.space.groups]
        in_a_loop = max(1, _MOST_IN_A_LOOP // len(model.space.groups))
        starts = range(0, self._settings, in_a_loop)
        self._loops = [_Loop(model, settings[start : start + in_a_loop]) for start in starts]

    def __call__(self, columns: Sequence[Sets], rows: int) -> list[OutcomeBits]:
        """Return an array for every setting, with a word for each row.

        Args:
            columns: the sets of each group: contiguous arrays with a set for each row, or with one set for all rows.
                An array of another type than the narrowest (`sim.study.column.narrow_sets`) is copied.
            rows: the number of rows.
        """
        padded = np.empty((self._settings, rows + _PADDING_ROWS), np.uint16)
        words = list(padded[:, :rows])
        if not rows:
            return words
        # The loop reads every column at the same row, so a column of one element is written out. Most are as it needs.
        full = [
            one if one.size == rows and one.dtype is kind and one.flags.carray else _full(one, kind, rows)
            for one, kind in zip(columns, self._kinds, strict=True)
        ]
        read = [_addressof(_from_buffer(one.data)) for one in full]
        first, bytes_each = _addressof(_from_buffer(padded.data)), padded.strides[0]
        written = [first + bytes_each * setting for setting in range(self._settings)]
        for loop in self._loops:
            loop([*read, *written[: loop.settings]], rows)
            del written[: loop.settings]
        return words


class _Loop:
    """A compiled loop, for some settings; its machine code lives as long as the object."""

    def __init__(self, model: SpaceModel, settings: Sequence[Setting]) -> None:
        self.settings = len(settings)
        module = ir.Module()
        groups = [ir.IntType(8 * narrow_sets(group.sets_vqs).itemsize) for group in model.space.groups]
        loop = _declare(module, [*groups, *[WIDE] * self.settings])
        _write_body(loop, model, settings)
        _write_entry(module, loop)
        self._engine = _engine(module)
        address = self._engine.get_function_address("entry")
        self._entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(address)
        self._addresses = (ctypes.c_void_p * (len(groups) + self.settings))()

    def __call__(self, addresses: list[ctypes.c_void_p | int | None], rows: int) -> None:
        """Compute the words of some rows.

        Args:
            addresses: the addresses of the groups' columns, then those of the settings' words.
            rows: the number of rows.
        """
        self._addresses[:] = addresses
        self._entry(self._addresses, rows)


def _full(column: Sets, kind: np.dtype[np.uint8 | np.uint16], rows: int) -> Sets:
    """Return a copy of a column, with an element for each row, of the type that the loop reads."""
    return np.array(column, kind) if column.size == rows else _repeated(int(column[0]), rows, kind)


@lru_cache(maxsize=128)
def _repeated(element: int, rows: int, kind: np.dtype[np.uint8 | np.uint16]) -> Sets:
    """Return an element as often as there are rows; kept, because consecutive blocks mostly share it."""
    return np.full(rows, element, kind)


def _declare(module: ir.Module, elements: Sequence[ir.Type]) -> ir.Function:
    """Declare the loop's function: it takes columns of some types that do not overlap, and the number of rows."""
    columns = [element.as_pointer() for element in elements]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*columns, _ROWS]), "loop")
    # Without noalias LLVM would have to check each pair of columns for overlap, and does not vectorise the loop.
    for column in function.args[:-1]:
        column.add_attribute("noalias")
    return function


def _write_body(loop: ir.Function, model: SpaceModel, settings: Sequence[Setting]) -> None:
    """Write the loop: each turn reads a set of each group, and stores a word of each setting.

    The condition is checked at the end of a turn, and once before the first, for a batch without rows.
    """
    start, body, end = (loop.append_basic_block(name) for name in ("start", "body", "end"))
    builder = ir.IRBuilder(start)
    builder.cbranch(builder.icmp_unsigned("==", loop.args[-1], _ROWS(0)), end, body)
    builder.position_at_end(body)
    row = builder.phi(_ROWS)
    row.add_incoming(_ROWS(0), start)
    groups = len(model.space.groups)
    read = [
        _read(builder, column, row, group) for column, group in zip(loop.args[:groups], model.space.groups, strict=True)
    ]
    systems = Systems(model, read, partial(Emitted.constant, builder))
    for setting, column in zip(settings, loop.args[groups:-1], strict=True):
        word = Evaluation(systems, setting, exact=False).word
        builder.store(word.as_kind(WIDE), builder.gep(column, [row]))
    following = builder.add(row, _ROWS(1), flags=["nuw", "nsw"])
    row.add_incoming(following, body)
    builder.cbranch(builder.icmp_unsigned("==", following, loop.args[-1]), end, body)
    builder.position_at_end(end)
    builder.ret_void()


def _read(builder: ir.IRBuilder, column: ir.Value, row: ir.Value, group: Group) -> Emitted:
    """Read the set of a group."""
    element = column.type.pointee
    found = builder.load(builder.gep(column, [row]), typ=element)
    span = range_of_bits(0, max(group.sets_vqs)).within_16_bits()
    # Eight bits without a sign may need nine with one.
    return Emitted(builder, found if element == span.kind else builder.zext(found, WIDE), span)


def _write_entry(module: ir.Module, loop: ir.Function) -> None:
    """Write the function that Python calls: it reads the columns' addresses from an array, and calls the loop.

    The number of columns depends on the space, so they come in an array: the entry has one C signature for all loops.
    """
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [_ADDRESS.as_pointer(), _ROWS]), "entry")
    builder = ir.IRBuilder(entry.append_basic_block())
    columns = [
        builder.bitcast(builder.load(builder.gep(entry.args[0], [_ROWS(place)]), typ=_ADDRESS), column.type)
        for place, column in enumerate(loop.args[:-1])
    ]
    builder.call(loop, [*columns, entry.args[1]])
    builder.ret_void()


def _engine(module: ir.Module) -> llvm.ExecutionEngine:
    """Compile a module for this machine; its functions live as long as the returned engine."""
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
