//! Each target finds what is planted: a bug in what it looks at makes an input of its corpus fail.

mod common;

use bytes::Bytes;
use clamator_core::{ClientOutput, Command, Outcome, Output, Reply, ServerOutput, fuzzing};
use clamator_fuzz::envelope::{PARSERS, Parsers};
use clamator_fuzz::{client_core, envelope, outcome, resp, server_core};
use clamator_redis::fuzzing as link;
use common::{corpus, on_a_large_stack};

/// Whether one of the inputs finds the bug.
fn found(target: &str, run: fn(&[u8])) -> bool {
    let inputs = corpus(target).into_iter();
    inputs.map(|(_, data)| on_a_large_stack(run, data)).any(|outcome| outcome.is_err())
}

#[test]
fn envelopes_that_are_misread() {
    let bugs: [fn(&[u8]); 5] = [
        // A number as an id isn't echoed.
        |data| {
            let request = |envelope: &Bytes| {
                fuzzing::request(envelope).map(|mut request| {
                    request.id = request.id.filter(|id| id.as_json().starts_with('"'));
                    request
                })
            };
            envelope::compare(data, &Parsers { request, ..PARSERS });
        },
        // Params that are absent are null.
        |data| {
            let request = |envelope: &Bytes| {
                fuzzing::request(envelope).map(|mut request| {
                    if request.params == "{}" {
                        request.params = Bytes::from_static(b"null");
                    }
                    request
                })
            };
            envelope::compare(data, &Parsers { request, ..PARSERS });
        },
        // What isn't a request isn't answered.
        |data| {
            let request =
                |envelope: &Bytes| fuzzing::request(envelope).map_err(|(_, error)| (None, error));
            envelope::compare(data, &Parsers { request, ..PARSERS });
        },
        // Ids are compared as they came.
        |data| {
            let response = |envelope: &Bytes| {
                let (id, body) = fuzzing::response(envelope);
                (id.filter(|id| envelope.windows(id.len()).any(|it| it == id.as_bytes())), body)
            };
            envelope::compare(data, &Parsers { response, ..PARSERS });
        },
        // An error's data is lost.
        |data| {
            let response = |envelope: &Bytes| {
                let (id, body) = fuzzing::response(envelope);
                let body = body.map(|body| {
                    body.map_err(|mut error| {
                        error.data = None;
                        error
                    })
                });
                (id, body)
            };
            envelope::compare(data, &Parsers { response, ..PARSERS });
        },
    ];
    for (at, bug) in bugs.into_iter().enumerate() {
        assert!(found("envelope", bug), "bug {at}");
    }
}

type Bent = (&'static str, fn(&[u8]));

/// A run whose outputs this function bends.
macro_rules! bent {
    ($what:literal, $core:ident, $effect:ty, $bend:expr) => {
        ($what, |data| {
            let bend: clamator_fuzz::Bend<$effect> = $bend;
            $core::run_bent(data, bend);
        })
    };
}

#[test]
fn a_server_that_breaks_its_word() {
    let bugs: [Bent; 5] = [
        bent!("runs a handler twice", server_core, ServerOutput, |output, out| {
            if matches!(output, Output::Role(ServerOutput::Run(_))) {
                out(output.clone());
            }
            out(output);
        }),
        bent!("keeps a connection", server_core, ServerOutput, |output, out| {
            if !matches!(output, Output::Close(_)) {
                out(output);
            }
        }),
        bent!("never stops", server_core, ServerOutput, |output, out| {
            if !matches!(output, Output::Stopped(_)) {
                out(output);
            }
        }),
        bent!("sends before it is connected", server_core, ServerOutput, |output, out| {
            if let Output::Open(lane) = output {
                out(Output::Open(lane));
                out(Output::Send(lane, Command::Ping));
            } else {
                out(output);
            }
        }),
        bent!("aborts twice", server_core, ServerOutput, |output, out| {
            if matches!(output, Output::Role(ServerOutput::Abort(_))) {
                out(output.clone());
            }
            out(output);
        }),
    ];
    for (what, bug) in bugs {
        assert!(found("server_core", bug), "{what}");
    }
}

#[test]
fn a_client_that_breaks_its_word() {
    let bugs: [Bent; 4] = [
        bent!("settles a call twice", client_core, ClientOutput, |output, out| {
            if matches!(output, Output::Role(ClientOutput::Settle(..))) {
                out(output.clone());
            }
            out(output);
        }),
        bent!("forgets a call that failed", client_core, ClientOutput, |output, out| {
            if !matches!(output, Output::Role(ClientOutput::Settle(_, Err(_)))) {
                out(output);
            }
        }),
        bent!("lets a call in twice", client_core, ClientOutput, |output, out| {
            match output {
                Output::Role(ClientOutput::Admit(key)) => {
                    out(Output::Role(ClientOutput::Admit(key)));
                    out(Output::Role(ClientOutput::Admit(key)));
                }
                output => out(output),
            }
        }),
        bent!("keeps a connection", client_core, ClientOutput, |output, out| {
            if !matches!(output, Output::Close(_)) {
                out(output);
            }
        }),
    ];
    for (what, bug) in bugs {
        assert!(found("client_core", bug), "{what}");
    }
}

#[test]
fn answers_that_end_elsewhere() {
    let bugs: [fn(&[u8]); 4] = [
        // It forgets where it was when more has come.
        |data| {
            resp::compare(data, |bytes, pieces| {
                let first = bytes.len().min(pieces.iter().sum());
                match link::scan(&bytes[..first], pieces.iter().copied()) {
                    Some(Err(_)) => link::scan(&bytes[first..], std::iter::empty()),
                    found => found,
                }
            })
        },
        // An attribute is an answer of its own.
        |data| {
            resp::compare(data, |bytes, _| {
                match (bytes.first(), link::scan(bytes, std::iter::empty())) {
                    (Some(b'|'), Some(Ok(length))) => Some(Ok(length - 4)),
                    (_, found) => found,
                }
            })
        },
        // A text that isn't there has two bytes more.
        |data| {
            resp::compare(data, |bytes, _| {
                match (bytes.starts_with(b"$-1"), link::scan(bytes, std::iter::empty())) {
                    (true, Some(Ok(length))) if bytes.len() > length + 2 => Some(Ok(length + 2)),
                    (_, found) => found,
                }
            })
        },
        // It waits although all is there.
        |data| {
            resp::compare(data, |bytes, _| match link::scan(bytes, std::iter::empty()) {
                Some(Ok(length)) if length == bytes.len() => Some(Err(length)),
                found => found,
            })
        },
    ];
    for (at, bug) in bugs.into_iter().enumerate() {
        assert!(found("resp", bug), "bug {at}");
    }
}

#[test]
fn answers_that_are_misread() {
    let bugs: [fn(&[u8]); 3] = [
        // Entries come in another order.
        |data| {
            outcome::compare(data, |command, scripts, answers| {
                let mut read = link::outcome(command, scripts, answers);
                if let Some(Outcome::Reply(Reply::Entries(entries))) = &mut read {
                    entries.retain(|entry| entry.fields.is_none());
                }
                read
            })
        },
        // An error is nothing.
        |data| {
            outcome::compare(data, |command, scripts, answers| {
                match link::outcome(command, scripts, answers) {
                    Some(Outcome::Refused(_)) => Some(Outcome::Reply(Reply::Nil)),
                    read => read,
                }
            })
        },
        // A number is another one.
        |data| {
            outcome::compare(data, |command, scripts, answers| {
                match link::outcome(command, scripts, answers) {
                    Some(Outcome::Reply(Reply::Count(count))) => {
                        Some(Outcome::Reply(Reply::Count(count + 1)))
                    }
                    read => read,
                }
            })
        },
    ];
    for (at, bug) in bugs.into_iter().enumerate() {
        assert!(found("outcome", bug), "bug {at}");
    }
}
