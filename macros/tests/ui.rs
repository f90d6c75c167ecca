//! What the attribute takes, and what it says about what it doesn't take.
//!
//! `TRYBUILD=overwrite cargo test -p clamator-macros --test ui` writes the expected messages anew.

#[test]
fn contracts() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
