//! Amounts as decimal text and back, in integers.
//!
//! Source: SPL Token's `amount_to_ui_amount_string_trimmed` and `try_ui_amount_into_amount`.

/// An amount as a decimal number of tokens, without superfluous zeros. O(decimals + 20).
///
/// ```
/// use lockstep_programs::token::amount_to_text;
/// assert_eq!(amount_to_text(1_500, 3), "1.5");
/// assert_eq!(amount_to_text(20, 0), "20");
/// ```
pub fn amount_to_text(amount: u64, decimals: u8) -> String {
    let point = usize::from(decimals);
    if point == 0 {
        return amount.to_string();
    }
    // At least one digit stands before the point.
    let mut text = format!("{amount:0>width$}", width = point.saturating_add(1));
    text.insert(text.len().saturating_sub(point), '.');
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    trimmed.to_owned()
}

/// The amount that a decimal number of tokens stands for; `None` if it is no number, has more
/// digits behind the point than `decimals`, or does not fit. O(length of the text + decimals).
///
/// ```
/// use lockstep_programs::token::text_to_amount;
/// assert_eq!(text_to_amount("1.5", 3), Some(1_500));
/// assert_eq!(text_to_amount("1.5", 0), None);
/// ```
pub fn text_to_amount(text: &str, decimals: u8) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let zeros = usize::from(decimals).checked_sub(fraction.len())?;
    // A second point, or a sign, is no digit; Rust's parser takes a leading plus, as does SPL
    // Token's.
    let digits = format!("{whole}{fraction}{:0<zeros$}", "");
    digits.parse().ok()
}
