//! Feeds `fuzzing::yaml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzing::yaml::run(data);
});
