//! Feeds `fuzzing::interpolation`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzing::interpolation::run(data);
});
