//! What else there is: calls over Redis streams written by hand with the `redis` crate, and NATS' request and reply.

pub(crate) mod by_hand;
pub(crate) mod nats;
pub(crate) mod nats_tokio;
