//! Random names.

/// Returns `bytes` random bytes as hexadecimal digits.
pub(crate) fn hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a number below `limit` (above 0), for spreading out retries.
pub(crate) fn below(limit: u64) -> u64 {
    let mut random = [0; 8];
    fill(&mut random);
    u64::from_le_bytes(random) % limit.max(1)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has randomness: nothing on this machine would work without");
}
