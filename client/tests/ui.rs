//! What the compiler says of wrong programs: each file of `tests/ui` fails to compile, with these words.
//!
//! They are the words of the compiler that the repository is built with. After a change of either, look at what differs
//! and write the new ones down with `TRYBUILD=overwrite cargo test -p brisk-client --test ui`.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
