//! The limits of a compiled program's run. Each is consensus and follows Agave; the name of Agave's
//! constant stands beside it.

/// Functions of a program that may wait for each other (`max_call_depth`).
pub(crate) const CALL_DEPTH_MAX: usize = 64;
/// Bytes of a function's stack (`stack_frame_size`).
pub(crate) const FRAME_SIZE: usize = 4_096;
/// Bytes of a program's stack.
pub(crate) const STACK_SIZE: usize = CALL_DEPTH_MAX * FRAME_SIZE;
/// What each further 32 KiB of a program's heap cost (`heap_cost`).
pub(crate) const HEAP_UNITS: u64 = 8;
/// Slices that one system call hashes (`sha256_max_slices`).
pub(crate) const HASHED_SLICES_MAX: u64 = 20_000;
/// Accounts that a program lists for an invoke (`MAX_CPI_ACCOUNT_INFOS`, SIMD-0339).
pub(crate) const INVOKE_INFOS_MAX: u64 = 255;
