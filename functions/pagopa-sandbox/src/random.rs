//! Identifiers that nobody can guess.

use jiff::Timestamp;

/// 128 random bits as 32 hexadecimal digits: a cart's address, a form's token.
pub(crate) fn id() -> String {
    hex(&bytes::<16>())
}

/// A payment token, which becomes the receipt's id: 32 hexadecimal digits that begin with the time, so that the newest
/// sorts last, and end with 80 random bits.
pub(crate) fn token(at: Timestamp) -> String {
    format!("{:012x}{}", at.as_millisecond().max(0), hex(&bytes::<10>()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's generator fails only where nothing else would work either.
    aws_lc_rs::rand::fill(&mut bytes).unwrap_or_else(|_| std::process::abort());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_32_digits_that_sort_by_time() {
        let early = token("2026-11-20T17:48:22Z".parse().unwrap());
        let late = token("2027-11-20T17:48:22Z".parse().unwrap());
        assert_eq!((early.len(), late.len(), id().len()), (32, 32, 32));
        assert!(early < late && early.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
