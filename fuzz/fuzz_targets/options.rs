#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| udsock_fuzz::options::run(data));
