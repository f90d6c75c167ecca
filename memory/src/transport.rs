//! Memory as what a client or server talks over.

use clamator_driver::{ConfigError, Runtime, Transport};

use crate::Memory;

impl<R: Runtime> Transport<R> for Memory {
    type Link = Memory;

    fn into_link(self) -> Result<Memory, ConfigError> {
        Ok(self)
    }
}

impl<R: Runtime> Transport<R> for &Memory {
    type Link = Memory;

    fn into_link(self) -> Result<Memory, ConfigError> {
        Ok(self.clone())
    }
}
