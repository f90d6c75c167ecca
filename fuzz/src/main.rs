//! `cargo run -p clamator-fuzz -- TARGET FILE…` runs files through a target again; without arguments it lists the targets.
//! Built by `cargo xtask fuzz`, this is the fuzzer itself.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod fuzzer {
    use std::sync::LazyLock;

    use clamator_fuzz::{TARGET, Target, target};

    static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
        let name = std::env::var(TARGET).unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("{TARGET}={name}: there is no such target"))
    });

    libfuzzer_sys::fuzz_target!(|data: &[u8]| {
        (CHOSEN.run)(data);
    });
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    use clamator_fuzz::{TARGETS, target};

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, files)) = arguments.split_first() else {
        TARGETS.iter().for_each(|target| {
            println!("{:<12} {:>6}  {}", target.name, target.max_len, target.about);
        });
        return ExitCode::SUCCESS;
    };
    let Some(target) = target(name) else {
        eprintln!("there is no target `{name}`");
        return ExitCode::from(2);
    };
    for file in files {
        match std::fs::read(file) {
            Ok(data) => (target.run)(&data),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        }
        println!("{file}: well");
    }
    ExitCode::SUCCESS
}
