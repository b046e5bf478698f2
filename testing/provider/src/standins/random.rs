//! Random codes in a given alphabet.

/// Returns `count` random letters.
pub(crate) fn letters(alphabet: &[u8], count: usize) -> String {
    let mut bytes = vec![0; count];
    // OK because a system without randomness cannot run a stand-in at all.
    getrandom::fill(&mut bytes).expect("the system's random source answers");
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
