//! Pointers of C: to a value, to a list, to a text, to options that may grow, to the place of a
//! result. The argument for all of them is that of the [module above](super).
#![allow(unsafe_code, reason = "pointers of C are followed here")]

use std::{
    ffi::{CStr, c_char, c_void},
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull,
};

use crate::status::{Failure, Status};

/// Fails for NULL and for a pointer that no value of the type can be at.
fn check<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::new(
            Status::NullArgument,
            format!("{name} is NULL"),
        ));
    }
    if !pointer.is_aligned() {
        let found = format!("{name} is not aligned to {} bytes", align_of::<T>());
        return Err(Failure::new(Status::BadValue, found));
    }
    Ok(())
}

/// A value.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn one<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    check(pointer, name)?;
    // SAFETY: points 1 and 2.
    Ok(unsafe { &*pointer })
}

/// A value, or none for NULL.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn optional<'a, T>(
    pointer: *const T,
    name: &str,
) -> Result<Option<&'a T>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: that of this function.
    unsafe { one(pointer, name) }.map(Some)
}

/// A list; an empty one may be NULL.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn list<'a, T>(
    pointer: *const T,
    count: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check(pointer, name)?;
    let size = count.checked_mul(size_of::<T>().max(1));
    if size.is_none_or(|size| isize::try_from(size).is_err()) {
        let found = format!("{name} has {count} entries, more than fit into memory");
        return Err(Failure::new(Status::BadSize, found));
    }
    // SAFETY: points 1 and 2; the size is within an isize.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Bytes; none may be NULL.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn bytes<'a>(
    pointer: *const u8,
    size: usize,
    name: &str,
) -> Result<&'a [u8], Failure> {
    // SAFETY: that of this function.
    unsafe { list(pointer, size, name) }
}

/// A text that ends with a zero, or none for NULL.
///
/// # Safety
/// That of the module; the text ends with a zero.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the pointer is not NULL, and the text ends with a zero.
    let text = unsafe { CStr::from_ptr(pointer) };
    let text = text.to_str().map_err(|error| {
        Failure::new(
            Status::BadValue,
            format!("{name} is not UTF-8 from byte {}", error.valid_up_to()),
        )
    })?;
    Ok(Some(text))
}

/// A struct of options: `repr(C)`, with a first field that states the struct's size in bytes as
/// the caller knows it. A newer release appends fields of which zero means what was before.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `usize`, it has no padding behind the last field
/// that its first release had, and all bytes zero are a value of it.
pub(crate) unsafe trait Grows: Copy {
    /// The name in errors.
    const NAME: &'static str;
    /// The size in the first release of the type.
    const SIZE_MIN: usize;
}

/// Options of the caller's size. Fields that the caller does not know are zero. Fields that are
/// not known here must be zero, or the caller would ask for what it does not get.
///
/// # Safety
/// That of the module, for as many bytes as the first field says.
pub(crate) unsafe fn options<T: Grows>(pointer: *const T) -> Result<T, Failure> {
    check(pointer, T::NAME)?;
    // SAFETY: the first field is there under any release of the struct.
    let stated = unsafe { pointer.cast::<usize>().read() };
    let known = size_of::<T>();
    // A size above a page is a field that was never set.
    if stated < T::SIZE_MIN || stated > known.max(4_096) {
        let found = format!(
            "{} states a size of {stated} bytes, expected {known}: set its field size to sizeof",
            T::NAME
        );
        return Err(Failure::new(Status::BadSize, found));
    }
    let more = stated.saturating_sub(known);
    // SAFETY: the caller's struct has as many bytes as it states, so these are within it or, if
    // there are none, at its end.
    let more = unsafe {
        let start = pointer.cast::<u8>().add(stated.min(known));
        std::slice::from_raw_parts(start, more)
    };
    if more.iter().any(|byte| *byte != 0) {
        let found = format!(
            "{} has fields behind byte {known} that this release does not know: leave them zero",
            T::NAME
        );
        return Err(Failure::new(Status::BadSize, found));
    }
    let mut options = MaybeUninit::<T>::zeroed();
    // SAFETY: at most as many bytes as either has, and they do not overlap. What is copied are
    // initialized bytes of integers and pointers; the rest is zero, which is a value.
    unsafe {
        let target = options.as_mut_ptr().cast::<u8>();
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), target, stated.min(known));
        Ok(options.assume_init())
    }
}

/// The place of a result.
#[derive(Debug)]
pub(crate) struct Out<'a, T> {
    place: Option<NonNull<T>>,
    lifetime: PhantomData<&'a mut T>,
}

/// The place of a result; NULL where the caller does not want it.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn out<'a, T>(pointer: *mut T) -> Out<'a, T> {
    Out {
        place: NonNull::new(pointer).filter(|place| place.is_aligned()),
        lifetime: PhantomData,
    }
}

impl<T> Out<'_, T> {
    /// Fails if the result has no place.
    pub(crate) fn required(self, name: &str) -> Result<Self, Failure> {
        if self.place.is_none() {
            let found = format!("{name} is NULL or not aligned: the result needs a place");
            return Err(Failure::new(Status::NullArgument, found));
        }
        Ok(self)
    }

    /// Writes the result, if it is wanted.
    pub(crate) fn set(&self, value: T) {
        if let Some(place) = self.place {
            // SAFETY: point 4; `Out` is only made of the place of a result of its lifetime.
            unsafe { place.write(value) };
        }
    }

    /// True if the result is wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.place.is_some()
    }
}

/// The places of several results; none may be NULL.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn places<'a, T: 'a>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<impl Iterator<Item = Out<'a, T>>, Failure> {
    if count > 0 {
        check(pointer, name)?;
    }
    Ok((0..count).map(move |place| {
        // A list within memory: the address does not wrap.
        let place = pointer.wrapping_add(place);
        Out {
            place: NonNull::new(place),
            lifetime: PhantomData,
        }
    }))
}

/// A place for bytes.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    start: *mut u8,
    size: usize,
    lifetime: PhantomData<&'a mut [u8]>,
}

/// A place for as many bytes; one for none may be NULL.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn room<'a>(
    start: *mut u8,
    size: usize,
    name: &str,
) -> Result<Room<'a>, Failure> {
    if size > 0 {
        check(start, name)?;
    }
    Ok(Room {
        start,
        size,
        lifetime: PhantomData,
    })
}

impl Room<'_> {
    /// Copies bytes to the place, as many as it has room for.
    pub(crate) fn copy(&self, bytes: &[u8]) {
        let size = bytes.len().min(self.size);
        if size > 0 {
            // SAFETY: point 4; the place has room for as many and is not within Rust's memory, as
            // it was handed in from C.
            unsafe { std::ptr::copy(bytes.as_ptr(), self.start, size) };
        }
    }
}

/// The place of a handle, with NULL in it until there is one.
///
/// # Safety
/// That of the module.
pub(crate) unsafe fn place<'a, K>(pointer: *mut *mut K) -> Out<'a, *mut K> {
    // SAFETY: that of this function.
    let place = unsafe { out(pointer) };
    place.set(std::ptr::null_mut());
    place
}

/// A pointer of the embedder's that its own functions get, and that is never followed here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(*mut c_void);

// SAFETY: the pointer is only handed back to functions of the embedder, which the header says are
// called from any thread and, where it says so, from several at once.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl User {
    pub(crate) fn new(pointer: *mut c_void) -> Self {
        Self(pointer)
    }

    pub(crate) fn get(self) -> *mut c_void {
        self.0
    }
}
