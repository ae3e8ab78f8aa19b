"""Plans a block: access lists in, plan out. Needs nothing but the shared library and its path.

    python3 examples/plan.py ../../target/release/liblockstep_capi.so
"""

import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_char_p, c_size_t, c_void_p
from ctypes import c_uint8, c_uint32, c_uint64

READ, WRITE = 0, 1
REPLAY = 1


class Access(Structure):
    _fields_ = [("address", c_uint8 * 32), ("mode", c_uint32)]


class AccessList(Structure):
    _fields_ = [("accesses", POINTER(Access)), ("access_count", c_size_t), ("cost", c_uint64)]


class PlanOptions(Structure):
    _fields_ = [
        ("size", c_size_t), ("strategy", c_char_p), ("mode", c_uint32), ("worker_count", c_uint32),
    ]


class PlanLayout(Structure):
    _fields_ = [
        ("items", POINTER(c_uint32)), ("item_count", c_size_t),
        ("lane_ends", POINTER(c_uint32)), ("lane_count", c_size_t),
        ("batch_ends", POINTER(c_uint32)), ("batch_count", c_size_t),
        ("waits", c_void_p), ("wait_count", c_size_t),
        ("dispatch", c_uint32), ("reserved", c_uint32),
    ]


lockstep = ctypes.CDLL(sys.argv[1])
lockstep.lockstep_error_text.restype = c_char_p
lockstep.lockstep_error_text.argtypes = [c_void_p]


def call(name, *arguments):
    """Calls a function whose last argument is the place of an error."""
    error = c_void_p()
    status = getattr(lockstep, name)(*arguments, byref(error))
    if status != 0:
        raise RuntimeError(f"{name}: {lockstep.lockstep_error_text(error).decode()}")


def account(name):
    return (c_uint8 * 32)(*name.encode())


def accesses(uses, cost):
    """The access list of a transaction: pairs of an account's name and a mode."""
    listed = (Access * len(uses))(*[Access(account(name), mode) for name, mode in uses])
    return AccessList(listed, len(uses), cost)


def parts(entries, ends):
    """Cuts a list at its ends."""
    return [entries[start:end] for start, end in zip([0, *ends], ends)]


transfers = [("alice", "bob"), ("carol", "dave"), ("bob", "carol"), ("erin", "frank")]
rows = [accesses([(source, WRITE), (target, WRITE)], 1_000) for source, target in transfers]
rows.append(accesses([("frank", READ), ("grace", WRITE)], 2_000))
block = (AccessList * len(rows))(*rows)

plan = c_void_p()
options = PlanOptions(ctypes.sizeof(PlanOptions), b"layered", REPLAY, 2)
call("lockstep_plan_new", byref(options), block, c_size_t(len(rows)), byref(plan))
call("lockstep_plan_check", plan, block, c_size_t(len(rows)), c_uint32(REPLAY))

layout = PlanLayout()
call("lockstep_plan_layout", plan, byref(layout))
items = layout.items[: layout.item_count]
lanes = parts(items, layout.lane_ends[: layout.lane_count])
for number, batch in enumerate(parts(lanes, layout.batch_ends[: layout.batch_count])):
    print(f"batch {number}:", *batch)

makespan, bound = c_uint64(), c_uint64()
call("lockstep_plan_predict", plan, block, c_size_t(len(rows)), c_uint32(REPLAY), c_uint32(2),
     byref(makespan), byref(bound))
print(f"predicted {makespan.value} of at least {bound.value}")
lockstep.lockstep_plan_free(plan)
