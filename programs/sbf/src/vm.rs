//! One run of a compiled program on the virtual machine: its memory mapped, its registers set, and
//! the services that its system calls have of memory and of the invoke context.
//!
//! # Soundness
//!
//! This module holds the only unsafe code of the crate. Its interface is safe. Each `SAFETY`
//! comment names the point that it rests on.
//!
//! - **Memory.** Every region that is mapped lies in a buffer that [`run`] borrows exclusively and
//!   for as long as the mapping lives, or, read-only, in the executable that it borrows shared. A
//!   buffer is borrowed once, as a raw pointer to the whole of it, before its regions are made;
//!   until the call has ended it is reached through copies of that pointer alone. No region is
//!   memory of an account: data is copied into the image and back. A mapping that is kept for the
//!   next call is not accessed before each of its regions was replaced.
//! - **Room.** A region begins and ends within its buffer. It grows at its end only: the stack and
//!   the heap up to the size of their buffers, an account's data up to the next region, which is of
//!   the same buffer.
//! - **Turn.** The machine and a system call never work at the same time: a call holds the
//!   [`Guest`] exclusively, and the machine goes on after it. A reference into guest memory borrows
//!   the guest, shared or exclusively as the memory, so no two of which one writes live at once.
//!   Addresses of the guest are checked against the regions at each access.
//! - **Context.** The invoke context is borrowed exclusively by [`run`], which makes the pointer to
//!   it and returns after the guest is gone. The pointer forgets lifetimes. A user of it is
//!   given the context for lifetimes of which it knows nothing, so that no reference leaves or
//!   enters.
//! - **Bytes.** Guest memory is bytes: each is initialised, and each value is allowed.
#![expect(
    unsafe_code,
    reason = "the machine maps memory by address and knows no lifetimes"
)]

use std::{any::Any, mem, ops::Range, ptr, ptr::NonNull, sync::Arc};

use lockstep_interface::{
    InstructionError, InvokeContext,
    limits::{ACCOUNT_DATA_SIZE_MAX, HEAP_SIZE_MAX},
};
#[cfg(test)]
use solana_sbpf::vm::Config;
use solana_sbpf::{
    ebpf::{MM_HEAP_START, MM_INPUT_START, MM_STACK_START},
    elf::Executable,
    error::{EbpfError, StableResult},
    memory_region::{AccessType, HostBuffer, MemoryMapping, MemoryRegion},
    program::SBPFVersion,
    vm::{CallFrame, ContextObject, EbpfVm, ExecutionMode},
};

use crate::{
    buffers::{Buffers, Used},
    fault::Fault,
    image::{Layout, Piece},
    limits::{FRAME_SIZE, STACK_SIZE},
};

/// The regions that grow when they are touched, besides data of accounts.
const STACK: u16 = u16::MAX;
/// The heap's tag is this and its size in KiB.
const HEAP: u16 = 1 << 15;
/// Bytes of the stack that are mapped at first: a function's. Of the heap there are none.
const STACK_FIRST: usize = FRAME_SIZE;
/// Bytes by which stack and heap grow.
const STEP: usize = 8 * 1024;

/// What a running program has: its memory, its image, and the context of its instruction.
pub(crate) struct Guest {
    context: NonNull<InvokeContext<'static, 'static>>,
    mapping: MemoryMapping,
    image: *mut [u8],
    layout: Layout,
    /// Bytes of the heap.
    pub(crate) heap_size: usize,
    /// Bytes of the heap that system calls have given out.
    pub(crate) heap_given: u64,
    /// The panic that ended the program.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
}

impl ContextObject for Guest {
    fn consume(&mut self, units: u64) {
        self.with(|context, _, _| {
            let spent = units.min(context.compute_units_left());
            // At most what is left is spent, which is never refused.
            let _ = context.consume(spent);
        });
    }

    fn get_remaining(&self) -> u64 {
        // SAFETY: *Context*; the guest is borrowed, so nothing else uses the context.
        unsafe { self.context.as_ref() }.compute_units_left()
    }

    fn active_mapping_ptr(&mut self) -> NonNull<MemoryMapping> {
        NonNull::from_mut(&mut self.mapping)
    }
}

impl Guest {
    /// Lends the invoke context, the image, and where everything lies in it.
    pub(crate) fn with<R>(
        &mut self,
        work: impl for<'i, 't> FnOnce(&mut InvokeContext<'i, 't>, &mut [u8], &Layout) -> R,
    ) -> R {
        // SAFETY: *Context*.
        let context = unsafe { self.context.as_mut() };
        // SAFETY: *Memory*, *Turn* and *Bytes*.
        let image = unsafe { &mut *self.image };
        work(context, image, &self.layout)
    }

    /// Spends compute units.
    pub(crate) fn spend(&mut self, units: u64) -> Result<(), Fault> {
        Ok(self.with(|context, _, _| context.consume(units))?)
    }

    /// The bytes at an address.
    pub(crate) fn bytes(&mut self, address: u64, size: u64) -> Result<&[u8], Fault> {
        let bytes = self.find(AccessType::Load, address, size)?.ptr();
        // SAFETY: *Room*, *Turn* and *Bytes*.
        Ok(unsafe { &*bytes })
    }

    /// The bytes at an address for writing.
    pub(crate) fn bytes_mut(&mut self, address: u64, size: u64) -> Result<&mut [u8], Fault> {
        let bytes = self.find(AccessType::Store, address, size)?.ptr_mut();
        // SAFETY: *Room*, *Turn* and *Bytes*.
        Ok(unsafe { &mut *bytes })
    }

    /// The bytes at two addresses, which may be the same ones.
    pub(crate) fn pair(
        &mut self,
        first: u64,
        second: u64,
        size: u64,
    ) -> Result<(&[u8], &[u8]), Fault> {
        let first = self.find(AccessType::Load, first, size)?.ptr();
        let second = self.find(AccessType::Load, second, size)?.ptr();
        // SAFETY: *Room*, *Turn* and *Bytes*; both are shared.
        Ok(unsafe { (&*first, &*second) })
    }

    /// Copies bytes as if by way of another place.
    pub(crate) fn copy(&mut self, target: u64, source: u64, size: u64) -> Result<(), Fault> {
        let target = self.find(AccessType::Store, target, size)?.ptr_mut();
        let source = self.find(AccessType::Load, source, size)?.ptr();
        // SAFETY: *Room*, *Turn* and *Bytes*; both are of one size and may overlap.
        unsafe { ptr::copy(source.cast::<u8>(), target.cast::<u8>(), target.len()) };
        Ok(())
    }

    fn find(&mut self, access: AccessType, address: u64, size: u64) -> Result<HostBuffer, Fault> {
        if size == 0 {
            let nothing: *mut [u8] = ptr::slice_from_raw_parts_mut(ptr::dangling_mut(), 0);
            return Ok(HostBuffer::Mutable(nothing));
        }
        let mapping = &mut self.mapping;
        match mapping.map_with_access_violation_handler(access, address, size) {
            StableResult::Ok(buffer) => Ok(buffer),
            StableResult::Err(error) => Err(Fault::Memory(error)),
        }
    }

    /// Maps an account's data anew, after its size or the right to write it may have changed.
    pub(crate) fn remap(
        &mut self,
        index: usize,
        size: usize,
        is_writable: bool,
    ) -> Result<(), Fault> {
        let data = self.layout.places()[index].data();
        let address = address_of(data);
        let found = self.mapping.find_region(address);
        let (region_index, old_size) = match found {
            Some((region_index, region)) => (region_index, region.len()),
            None => return Fault::refused("the image has lost an account"),
        };
        if size < old_size {
            // What the data grows into again is to be zero.
            self.with(|_, image, _| image[data..][size..old_size].fill(0));
        }
        let region = data_region(self.image, data, size, index, is_writable);
        // SAFETY: *Memory* and *Room*: the layout says that the data and its room lie in the image,
        // and the machine checks that the region ends before the next one.
        let replaced = unsafe { self.mapping.replace_region(region_index, region) };
        replaced.map_err(Fault::Memory)
    }

    /// Notes the bytes that the program may have written.
    fn note_used(&self, used: &mut Used) {
        used.image.clear();
        for region in self.mapping.get_regions() {
            let Range { start, .. } = region.vm_addr_range();
            match start {
                MM_STACK_START => used.stack = region.len(),
                MM_HEAP_START => used.heap = region.len(),
                MM_INPUT_START.. => {
                    let offset = usize::try_from(start.saturating_sub(MM_INPUT_START));
                    let offset = offset.unwrap_or(usize::MAX);
                    used.image.push(offset..offset.saturating_add(region.len()));
                }
                _ => {}
            }
        }
    }
}

/// The mapping of a call that has ended, for the next one to take its place.
///
/// Its regions point to memory that may be gone. They are replaced before they are used.
#[derive(Default)]
pub(crate) struct Mapped {
    mapping: Option<(SBPFVersion, MemoryMapping)>,
    regions: Vec<MemoryRegion>,
}

impl Mapped {
    /// Maps the regions that are listed, which are in ascending order.
    fn map(&mut self, executable: &Executable<Guest>) -> Result<MemoryMapping, EbpfError> {
        let (config, version) = (executable.get_config(), executable.get_sbpf_version());
        if let Some((kept_version, mut mapping)) = self.mapping.take()
            && kept_version == version
            && starts_as(&mapping, &self.regions)
        {
            // From the last to the first, so that none reaches into one that is to be replaced.
            let is_replaced = (0..self.regions.len()).rev().all(|index| {
                let region = self.regions[index].clone();
                // SAFETY: *Memory* and *Room*, as below.
                unsafe { mapping.replace_region(index, region) }.is_ok()
            });
            if is_replaced {
                self.regions.clear();
                return Ok(mapping);
            }
        }
        let regions = self.regions.drain(..).collect();
        let grow = Box::new(grow);
        // SAFETY: *Memory* and *Room*: each region is part of a buffer or of the executable.
        unsafe { MemoryMapping::new_with_access_violation_handler(regions, config, version, grow) }
    }
}

/// True if a mapping has regions at the addresses of these.
fn starts_as(mapping: &MemoryMapping, regions: &[MemoryRegion]) -> bool {
    let starts = |region: &MemoryRegion| region.vm_addr_range().start;
    let mapped = mapping.get_regions().iter().map(starts);
    mapped.eq(regions.iter().map(starts))
}

/// What a run leaves.
pub(crate) struct End {
    pub(crate) result: Result<u64, EbpfError>,
    pub(crate) panic: Option<Box<dyn Any + Send>>,
}

/// Runs a program on the image of its instruction, which is written already.
pub(crate) fn run(
    executable: &Executable<Guest>,
    mode: ExecutionMode,
    context: &mut InvokeContext<'_, '_>,
    buffers: &mut Buffers,
) -> Result<End, InstructionError> {
    let Buffers {
        image,
        stack,
        heap,
        frames,
        layout,
        mapped,
        used,
    } = buffers;
    assert!(layout.size() <= image.len(), "the image has its room");
    assert!(stack.len() == STACK_SIZE, "the stack is whole");
    assert!(heap.len() == HEAP_SIZE_MAX, "the heap is whole");
    let heap_size = context.heap_size().min(HEAP_SIZE_MAX);
    let image: *mut [u8] = image.as_mut_slice();
    let version = executable.get_sbpf_version();
    // A stack that begins at its end is mapped whole.
    let stack_size = match version {
        SBPFVersion::V1 | SBPFVersion::V2 => STACK_SIZE,
        _ => STACK_FIRST,
    };
    let regions = &mut mapped.regions;
    regions.clear();
    regions.push(executable.get_ro_region());
    regions.push(growing(stack, stack_size, MM_STACK_START, STACK));
    regions.push(growing(heap, 0, MM_HEAP_START, heap_tag(heap_size)));
    for piece in layout.pieces() {
        regions.push(match piece {
            Piece::Meta(Range { start, end }) => MemoryRegion::new(
                part(image, start, end.saturating_sub(start)),
                address_of(start),
            ),
            Piece::Data(index) => {
                let place = layout.places()[index];
                let size = context.account(place.position)?.data.len();
                let is_writable = layout.refusal(context, index).is_none();
                data_region(image, place.data(), size, index, is_writable)
            }
        });
    }
    let mapping = mapped.map(executable);
    let mapping = mapping.map_err(|_| InstructionError::ProgramEnvironmentSetupFailure)?;
    let data = address_of(layout.data);
    let mut guest = Guest {
        context: NonNull::from_mut(context).cast(),
        mapping,
        image,
        layout: mem::take(layout),
        heap_size,
        heap_given: 0,
        panic: None,
    };
    let registers = [(1, MM_INPUT_START), (2, data)];
    let result = execute(executable, mode, &mut guest, &registers, frames);
    guest.note_used(used);
    *layout = guest.layout;
    mapped.mapping = Some((version, guest.mapping));
    Ok(End {
        result,
        panic: guest.panic,
    })
}

/// Runs a program whose memory is mapped. Returns its result.
fn execute(
    executable: &Executable<Guest>,
    mut mode: ExecutionMode,
    guest: &mut Guest,
    registers: &[(usize, u64)],
    frames: &mut [CallFrame],
) -> Result<u64, EbpfError> {
    let loader = Arc::clone(executable.get_loader());
    let mut vm = EbpfVm::new(loader, executable.get_sbpf_version(), guest, STACK_SIZE);
    for (register, value) in registers {
        vm.registers[*register] = *value;
    }
    let (_, result) = vm.execute_program(executable, &mut mode, frames);
    match result {
        StableResult::Ok(value) => Ok(value),
        StableResult::Err(error) => Err(error),
    }
}

/// The address of an offset in the image.
pub(crate) fn address_of(offset: usize) -> u64 {
    MM_INPUT_START.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
}

/// A part of a buffer.
fn part(buffer: *mut [u8], start: usize, size: usize) -> *mut [u8] {
    let end = start.checked_add(size);
    assert!(
        end.is_some_and(|end| end <= buffer.len()),
        "within the buffer"
    );
    // SAFETY: *Room*, by the assertion.
    let start = unsafe { buffer.cast::<u8>().add(start) };
    ptr::slice_from_raw_parts_mut(start, size)
}

fn growing(buffer: &mut [u8], size: usize, address: u64, tag: u16) -> MemoryRegion {
    let mut region = MemoryRegion::new(part(buffer, 0, size), address);
    region.access_violation_handler_payload = Some(tag);
    region
}

fn data_region(
    image: *mut [u8],
    offset: usize,
    size: usize,
    index: usize,
    is_writable: bool,
) -> MemoryRegion {
    let mut region = MemoryRegion::new(part(image, offset, size), address_of(offset));
    if is_writable {
        // Accounts have indexes below the tags of stack and heap: there are 255 at most.
        region.access_violation_handler_payload = u16::try_from(index).ok();
    } else {
        region.make_immutable();
    }
    region
}

/// The tag of a heap of this many bytes, a multiple of 1,024.
fn heap_tag(size: usize) -> u16 {
    HEAP | u16::try_from(size >> 10).unwrap_or(0)
}

/// Lets a region reach as far as an access that it does not hold, if it has room for it. Called
/// from compiled code, which no panic may cross.
fn grow(region: &mut MemoryRegion, room: u64, access: AccessType, address: u64, size: u64) {
    let start = region.vm_addr_range().start;
    let end = address.saturating_sub(start).saturating_add(size);
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let size = match region.access_violation_handler_payload {
        Some(STACK) if end <= STACK_SIZE => end.next_multiple_of(STEP).min(STACK_SIZE),
        Some(STACK) | None => return,
        Some(tag @ HEAP..) => {
            let heap_size = usize::from(tag ^ HEAP) << 10;
            if end > heap_size {
                return;
            }
            end.next_multiple_of(STEP).min(heap_size)
        }
        Some(_) if access == AccessType::Store && end <= room.min(ACCOUNT_DATA_SIZE_MAX) => {
            room.min(ACCOUNT_DATA_SIZE_MAX)
        }
        Some(_) => return,
    };
    if let HostBuffer::Mutable(bytes) = region.host_buffer() {
        let grown = ptr::slice_from_raw_parts_mut(bytes.cast::<u8>(), size);
        // SAFETY: *Memory* and *Room*.
        unsafe { region.redirect(grown) };
    }
}

/// Memory as a recorded case has it.
#[cfg(test)]
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) stack: Vec<u8>,
    /// Bytes between the frames of the stack; 0 for none.
    pub(crate) gap: u64,
    pub(crate) heap: Vec<u8>,
    /// Input regions one behind the other, and whether each can be written.
    pub(crate) inputs: Vec<(Vec<u8>, bool)>,
}

/// Runs a recorded case.
#[cfg(test)]
pub(crate) fn run_recorded(
    executable: &Executable<Guest>,
    mode: ExecutionMode,
    context: &mut InvokeContext<'_, '_>,
    registers: &[(usize, u64)],
    memory: &mut Recorded,
) -> Result<u64, EbpfError> {
    let version = executable.get_sbpf_version();
    let (code, config) = (executable.get_ro_region(), executable.get_config());
    let mut nothing = [0; 0];
    let mut guest = recorded_guest(code, (config, version), context, memory, &mut nothing)?;
    let mut frames = vec![CallFrame::default(); crate::limits::CALL_DEPTH_MAX];
    execute(executable, mode, &mut guest, registers, &mut frames)
}

/// Makes a recorded system call.
#[cfg(test)]
pub(crate) fn call_recorded(
    call: fn(&mut Guest, [u64; 5]) -> Result<u64, Fault>,
    arguments: [u64; 5],
    context: &mut InvokeContext<'_, '_>,
    rodata: &[u8],
    memory: &mut Recorded,
) -> Result<u64, Fault> {
    let config = Config {
        enable_stack_frame_gaps: memory.gap != 0,
        aligned_memory_mapping: memory.inputs.len() <= 1,
        ..crate::code::config()
    };
    let code = MemoryRegion::new(&raw const *rodata, solana_sbpf::ebpf::MM_REGION_SIZE);
    let mut nothing = [0; 0];
    let settings = (&config, SBPFVersion::V0);
    let guest = recorded_guest(code, settings, context, memory, &mut nothing);
    call(&mut guest.map_err(Fault::Memory)?, arguments)
}

#[cfg(test)]
fn recorded_guest(
    code: MemoryRegion,
    (config, version): (&Config, SBPFVersion),
    context: &mut InvokeContext<'_, '_>,
    memory: &mut Recorded,
    nothing: &mut [u8; 0],
) -> Result<Guest, EbpfError> {
    let Recorded {
        stack,
        gap,
        heap,
        inputs,
    } = memory;
    let mut regions = vec![
        code,
        MemoryRegion::new_gapped(&raw mut **stack, MM_STACK_START, *gap),
        MemoryRegion::new(&raw mut **heap, MM_HEAP_START),
    ];
    let mut offset = 0;
    for (bytes, is_writable) in inputs {
        let address = address_of(offset);
        offset = offset.saturating_add(bytes.len());
        let mut region = MemoryRegion::new(&raw mut **bytes, address);
        if !*is_writable {
            region.make_immutable();
        }
        regions.push(region);
    }
    // SAFETY: *Memory*: each region is a buffer that the caller lends for as long as it has the
    // guest, or of the executable.
    let mapping = unsafe { MemoryMapping::new(regions, config, version) };
    Ok(Guest {
        context: NonNull::from_mut(context).cast(),
        mapping: mapping?,
        image: &raw mut *nothing,
        layout: Layout::default(),
        heap_size: heap.len(),
        heap_given: 0,
        panic: None,
    })
}
