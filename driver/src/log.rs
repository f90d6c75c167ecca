//! Events of a core, as log lines.

use clamator_core::{Event, Level};

/// Logs an event through `tracing`, under the target `clamator`.
pub(crate) fn event(instance: &str, event: &Event) {
    match event.level() {
        Level::Info => tracing::info!(target: "clamator", instance, "{event}"),
        Level::Warn => tracing::warn!(target: "clamator", instance, "{event}"),
        Level::Error => tracing::error!(target: "clamator", instance, "{event}"),
    }
}
