"""Have the processor fetch records before they are needed. Imported only where numba is.

With many in flight, their records lie beyond the caches, and waiting for one takes as long as all else that a timer
does. A fetch changes nothing but the time it takes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped, unused-ignore]  # as it says
from numba.core import cgutils, types
from numba.extending import intrinsic, register_jitable

from harness.simulate.records import LINE

_TO_READ, _TO_KEEP, _DATA = 0, 3, 1
"""Arguments of LLVM's `llvm.prefetch` (LLVM Language Reference Manual)."""


def _fetch(_typing: Any, array: Any, _index: Any, _offset_b: Any) -> Any:
    """Fetch the line of the cache that is so many bytes behind the begin of a row; any index will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer_to: Any = cgutils.get_item_pointer
        row = pointer_to(context, builder, signature.args[0], rows, [arguments[1]], wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.gep(builder.bitcast(row, byte), [arguments[2]])
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(fetch, [place, number(_TO_READ), number(_TO_KEEP), number(_DATA)])
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp), generate


_fetched: Any = intrinsic(_fetch)  # which numba's annotations have as if it took the arguments of `_fetch`


@register_jitable(forceinline=True)
def fetch(jobs: Any, slot: Any) -> None:
    """Fetch what nearly every timer touches of a job: its first two lines."""
    _fetched(jobs, slot, 0)
    _fetched(jobs, slot, LINE)
