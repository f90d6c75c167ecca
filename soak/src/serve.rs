//! A server process: handlers that write down when they begin and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clamator_tokio::{CallContext, ContractError, RpcError, Server, Service, shutdown_signal};
use serde::{Deserialize, Serialize};

use crate::record::{Recorder, What};
use crate::role::{Role, started};
use crate::setup::{self, Discipline, FRAGILE, FRAGILE_LIMIT, LIMIT, POISONED, SERVICES};

/// The params of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) id: String,
    pub(crate) ms: u64,
    /// In an ordered service it follows others of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<u64>,
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
    let server = |name: &str, limit| setup::server(&role.url, name, limit).build();
    let sound = server(&role.name, LIMIT).map_err(|e| e.to_string())?;
    let fragile = server(&format!("{}-{FRAGILE}", role.name), FRAGILE_LIMIT);
    let fragile = fragile.map_err(|e| e.to_string())?;
    let runs = Arc::new(AtomicU64::new(0));
    for (name, discipline) in SERVICES {
        let server = if name == FRAGILE { &fragile } else { &sound };
        let service = service(name, discipline, &recorder, &runs).map_err(|e| e.to_string())?;
        server.register(service).map_err(|e| e.to_string())?;
    }
    let serve = async {
        match tokio::try_join!(started(|| sound.start()), started(|| fragile.start())) {
            Ok(_) => {
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
    let stop = async |server: &Server| {
        let report = server.stop().await;
        recorder.write(What::Log { text: format!("stopped: {report:?}") });
    };
    tokio::join!(stop(&sound), stop(&fragile));
    recorder.write(What::Down);
    Ok(())
}

fn service(
    name: &str,
    discipline: Discipline,
    recorder: &Recorder,
    runs: &Arc<AtomicU64>,
) -> Result<Service, ContractError> {
    let begin = {
        let (recorder, runs) = (recorder.clone(), runs.clone());
        move |work: &Work, context: &CallContext| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            recorder.write(What::Begin {
                run,
                id: work.id.clone(),
                service: context.service().to_owned(),
                key: work.key,
                entry: context.entry().to_string(),
                deliveries: context.deliveries(),
            });
            Running { recorder: recorder.clone(), run, id: work.id.clone(), finished: false }
        }
    };
    let (run, poison) = (begin.clone(), begin.clone());
    let service = Service::new(name)?
        .method("run", move |work: Work, context: CallContext| {
            let running = run(&work, &context);
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
            let running = begin(&work, &context);
            async move { running.finish() }
        })?
        .method("poison", move |work: Work, context: CallContext| {
            let _running = poison(&work, &context);
            // As in a crash, nothing is told to anybody.
            std::process::exit(POISONED);
            #[allow(unreachable_code)]
            async move {
                Ok::<_, RpcError>(Done { id: work.id })
            }
        })?;
    Ok(match discipline {
        Discipline::Serial => service,
        Discipline::Concurrent(at_once) => service.concurrent(at_once),
        Discipline::Ordered(at_once) => {
            service.ordered_by(at_once, |call| call.param::<u64>("key"))
        }
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
