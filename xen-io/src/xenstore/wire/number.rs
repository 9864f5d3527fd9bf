//! Decimal numbers, without an allocator.

/// A number as decimal digits, on the stack.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) const fn new(mut number: u64) -> Self {
        // 2^64 has 20 digits.
        let mut decimal = Self { digits: [b'0'; 20], start: 20 };
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// The number that these digits are: at least one digit and nothing else.
pub(crate) fn parse<T: TryFrom<u64>>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    T::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        for number in [0, 9, 10, 65535, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(parse::<u64>(Decimal::new(number).as_bytes()), Some(number));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1\0"] {
            assert_eq!(parse::<u64>(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse::<u16>(b"65536"), None);
    }
}
