//! What clamator logs, for tests to look at.

#![allow(unreachable_pub)]

use std::fmt;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Of all tests of this process, as (instance, message).
static LINES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Begins to listen. Handlers and run loops are on any thread, so there is one listener for all tests.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

/// What the clients and servers of this instance id have logged.
pub fn lines_of(instance: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    let own =
        |(by, _): &&(String, String)| by.split_once(' ').is_some_and(|(_, id)| id == instance);
    lines.iter().filter(own).map(|(_, message)| message.clone()).collect()
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "clamator"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        LINES.lock().unwrap().push((line.instance, line.message));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[derive(Default)]
struct Line {
    instance: String,
    message: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "instance" {
            value.clone_into(&mut self.instance);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
