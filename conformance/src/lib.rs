//! The conformance suite of the clamator wire.
