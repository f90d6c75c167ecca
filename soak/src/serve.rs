//! A server process: handlers that write down when they begin and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clamator_tokio::{CallContext, ContractError, RpcError, Service, shutdown_signal};
use serde::{Deserialize, Serialize};

use crate::record::{Recorder, What};
use crate::role::{Role, started};
use crate::setup::{self, SERVICES};

/// The params of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) id: String,
    pub(crate) ms: u64,
}

/// Its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) id: String,
}

pub(crate) async fn run(role: &Role) -> Result<(), String> {
    // Listens from here on: a process that is asked to end while it starts ends cleanly, too.
    let end = shutdown_signal();
    let recorder = role.begin()?;
    let server = setup::server(&role.url, &role.name).build().map_err(|e| e.to_string())?;
    let runs = Arc::new(AtomicU64::new(0));
    for (name, _) in SERVICES {
        let service = service(name, &recorder, &runs).map_err(|e| e.to_string())?;
        server.register(service).map_err(|e| e.to_string())?;
    }
    let serve = async {
        match started(|| server.start()).await {
            Ok(()) => {
                recorder.write(What::Ready);
                std::future::pending().await
            }
            Err(error) => error.to_string(),
        }
    };
    tokio::select! {
        error = serve => return Err(error),
        () = end => {}
    }
    let report = server.stop().await;
    recorder.write(What::Log { text: format!("stopped: {report:?}") });
    recorder.write(What::Down);
    Ok(())
}

fn service(
    name: &str,
    recorder: &Recorder,
    runs: &Arc<AtomicU64>,
) -> Result<Service, ContractError> {
    let begin = {
        let (recorder, runs) = (recorder.clone(), runs.clone());
        move |id: &str, context: &CallContext| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            recorder.write(What::Begin {
                run,
                id: id.to_owned(),
                service: context.service().to_owned(),
                entry: context.entry().to_string(),
                deliveries: context.deliveries(),
            });
            Running { recorder: recorder.clone(), run, id: id.to_owned(), finished: false }
        }
    };
    let run = begin.clone();
    Service::new(name)?
        .method("run", move |work: Work, context: CallContext| {
            let running = run(&work.id, &context);
            async move {
                // What is quick doesn't wait at all: it runs on the server's own task.
                if work.ms > 0 {
                    tokio::time::sleep(Duration::from_millis(work.ms)).await;
                }
                running.finish();
                Ok::<_, RpcError>(Done { id: work.id })
            }
        })?
        .notification("note", move |work: Work, context: CallContext| {
            let running = begin(&work.id, &context);
            async move { running.finish() }
        })
}

/// One run of a handler. Dropped before its end, it says so.
struct Running {
    recorder: Recorder,
    run: u64,
    id: String,
    finished: bool,
}

impl Running {
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (run, id) = (self.run, std::mem::take(&mut self.id));
        self.recorder.write(match self.finished {
            true => What::Finish { run, id },
            false => What::Abort { run, id },
        });
    }
}
