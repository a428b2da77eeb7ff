//! The conformance suite.

mod common;

brisk_core::transport_conformance!(common::QuicHarness::new());
