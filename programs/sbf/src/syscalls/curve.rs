//! Calls that calculate with points of Curve25519, as Edwards points or as members of Ristretto, or
//! hand points of BLS12-381 on.

use std::ops::{Add, Mul, Sub};

use curve25519_dalek::{
    edwards::{CompressedEdwardsY, EdwardsPoint},
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::VartimeMultiscalarMul,
};

use super::{Arguments, bls, key_at};
use crate::{fault::Fault, vm::Guest};

/// The numbers of curves.
const EDWARDS: u64 = 0;
const RISTRETTO: u64 = 1;
/// The numbers of operations.
pub(super) const ADD: u64 = 0;
pub(super) const SUBTRACT: u64 = 1;
pub(super) const MULTIPLY: u64 = 2;
/// Points of a sum of products.
const POINTS_MAX: u64 = 512;
/// The result of a call whose points or scalars are none.
pub(super) const INVALID: u64 = 1;

/// What calls on a curve cost (`curve25519_edwards_*`, `curve25519_ristretto_*`).
struct Costs {
    validate: u64,
    add: u64,
    subtract: u64,
    multiply: u64,
    products: u64,
    product: u64,
}

/// Points of a curve.
trait Point:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Scalar, Output = Self>
    + VartimeMultiscalarMul<Point = Self>
{
    const COSTS: Costs;

    fn read(bytes: [u8; 32]) -> Option<Self>;

    fn write(self) -> [u8; 32];
}

impl Point for EdwardsPoint {
    const COSTS: Costs = Costs {
        validate: 159,
        add: 473,
        subtract: 475,
        multiply: 2_177,
        products: 2_273,
        product: 758,
    };

    fn read(bytes: [u8; 32]) -> Option<Self> {
        CompressedEdwardsY(bytes).decompress()
    }

    fn write(self) -> [u8; 32] {
        self.compress().to_bytes()
    }
}

impl Point for RistrettoPoint {
    const COSTS: Costs = Costs {
        validate: 169,
        add: 521,
        subtract: 519,
        multiply: 2_208,
        products: 2_303,
        product: 788,
    };

    fn read(bytes: [u8; 32]) -> Option<Self> {
        CompressedRistretto(bytes).decompress()
    }

    fn write(self) -> [u8; 32] {
        self.compress().to_bytes()
    }
}

/// `sol_curve_validate_point(curve, point)`: 1 if it is none.
pub(super) fn validate(guest: &mut Guest, [curve, point, ..]: Arguments) -> Result<u64, Fault> {
    match curve {
        EDWARDS => validate_on::<EdwardsPoint>(guest, point),
        RISTRETTO => validate_on::<RistrettoPoint>(guest, point),
        _ => bls::validate(guest, curve, point),
    }
}

fn validate_on<P: Point>(guest: &mut Guest, point: u64) -> Result<u64, Fault> {
    guest.spend(P::COSTS.validate)?;
    let point = P::read(key_at(guest, point)?);
    Ok(u64::from(point.is_none()))
}

/// `sol_curve_group_op(curve, operation, left, right, result)`: 1 if an operand is none.
pub(super) fn operate(
    guest: &mut Guest,
    [curve, operation, left, right, result]: Arguments,
) -> Result<u64, Fault> {
    match curve {
        EDWARDS => operate_on::<EdwardsPoint>(guest, operation, left, right, result),
        RISTRETTO => operate_on::<RistrettoPoint>(guest, operation, left, right, result),
        _ => bls::operate(guest, curve, operation, [left, right, result]),
    }
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "operations on points do not overflow"
)]
fn operate_on<P: Point>(
    guest: &mut Guest,
    operation: u64,
    left: u64,
    right: u64,
    result: u64,
) -> Result<u64, Fault> {
    let costs = P::COSTS;
    guest.spend(match operation {
        ADD => costs.add,
        SUBTRACT => costs.subtract,
        MULTIPLY => costs.multiply,
        _ => return unknown("operation", operation),
    })?;
    let (left, right) = (key_at(guest, left)?, key_at(guest, right)?);
    let right = P::read(right);
    let found = match operation {
        MULTIPLY => scalar(left)
            .zip(right)
            .map(|(scalar, point)| point * scalar),
        ADD => P::read(left).zip(right).map(|(left, right)| left + right),
        _ => P::read(left).zip(right).map(|(left, right)| left - right),
    };
    write(guest, found, result)
}

/// `sol_curve_multiscalar_mul(curve, scalars, points, count, result)`: 1 if one of them is none.
pub(super) fn sum_products(
    guest: &mut Guest,
    [curve, scalars, points, count, result]: Arguments,
) -> Result<u64, Fault> {
    if count > POINTS_MAX {
        return Fault::refused(format!(
            "expected at most {POINTS_MAX} points, found {count}"
        ));
    }
    match curve {
        EDWARDS => sum_on::<EdwardsPoint>(guest, scalars, points, count, result),
        RISTRETTO => sum_on::<RistrettoPoint>(guest, scalars, points, count, result),
        _ => unknown("curve", curve),
    }
}

fn sum_on<P: Point>(
    guest: &mut Guest,
    scalars: u64,
    points: u64,
    count: u64,
    result: u64,
) -> Result<u64, Fault> {
    let further = P::COSTS.product.saturating_mul(count.saturating_sub(1));
    guest.spend(P::COSTS.products.saturating_add(further))?;
    let size = count.saturating_mul(32);
    let scalars = guest.bytes(scalars, size)?.as_chunks().0.iter();
    let scalars: Option<Vec<Scalar>> = scalars.map(|bytes| scalar(*bytes)).collect();
    let points = guest.bytes(points, size)?.as_chunks().0.iter();
    let points: Option<Vec<P>> = points.map(|bytes| P::read(*bytes)).collect();
    let sum = scalars.zip(points);
    let sum = sum.map(|(scalars, points)| P::vartime_multiscalar_mul(scalars, points));
    write(guest, sum, result)
}

fn scalar(bytes: [u8; 32]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(bytes).into_option()
}

fn write<P: Point>(guest: &mut Guest, point: Option<P>, result: u64) -> Result<u64, Fault> {
    let Some(point) = point else {
        return Ok(INVALID);
    };
    guest.bytes_mut(result, 32)?.copy_from_slice(&point.write());
    Ok(0)
}

pub(super) fn unknown(what: &str, number: u64) -> Result<u64, Fault> {
    Fault::refused(format!("{what} {number}, which is none"))
}
