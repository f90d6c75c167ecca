//! A server, from its start to its end.

use std::time::Duration;

use clamator_core::StopReport;
use clamator_driver::{CallContext, ContractError, Server, ServerBuilder, Service};

use super::handler::{Params, handle};
use super::inner::Inner;
use super::{PREFIX, Process, client};
use crate::book::Discipline;
use crate::event::Event;
use crate::plan::{BACKOFF_MAX, BACKOFF_MIN, RESPONSE_TIMEOUT};

pub(super) async fn live(mut process: Process, at: usize) {
    let services = process.plan.servers[at].services.clone();
    let made = Inner::new(&mut process).and_then(|own| {
        let services: Result<Vec<_>, _> =
            services.iter().map(|service| make_service(&process, own.as_ref(), *service)).collect();
        let services = services.map_err(|error| error.to_string())?;
        Ok((build(&mut process, services)?, own))
    });
    match made {
        Ok((server, own)) => serve(&process, &server, own.as_ref()).await,
        Err(error) => process.watch.violate("a server can be made", error.into()),
    }
}

/// Serves until it is told to stop.
pub(super) async fn serve(process: &Process, server: &Server, own: Option<&Inner>) {
    let life = process.life;
    let (asked, client) = (server.clone(), own.map(|own| own.client.clone()));
    let in_client = move || client.as_ref().map_or(0, clamator_driver::Client::load);
    process.gauge.reads(move || asked.load() + in_client());
    if let Some(own) = own {
        own.start();
    }
    let mut told = process.order.told();
    loop {
        let starting = Box::pin(server.start());
        match futures_util::future::select(starting, &mut told).await {
            futures_util::future::Either::Left((Ok(()), _)) => break,
            futures_util::future::Either::Left((Err(_), _)) => {
                process.host.sleep(Duration::from_millis(100)).await;
            }
            futures_util::future::Either::Right((grace, starting)) => {
                drop(starting);
                return stop(process, server, own, grace).await;
            }
        }
    }
    process.watch.see(&Event::Up { life });
    let grace = told.await;
    stop(process, server, own, grace).await;
}

async fn stop(process: &Process, server: &Server, own: Option<&Inner>, grace: Duration) {
    let life = process.life;
    process.gauge.reads_nothing();
    process.watch.see(&Event::Stopping { life, grace: grace.as_nanos() as u64 });
    let server = async {
        let report: StopReport = server.stop_within(grace).await;
        process.watch.see(&Event::Stopped { life, report });
    };
    let client = async {
        if let Some(own) = own {
            client::stop(&own.process, &own.client, grace).await;
        }
    };
    futures_util::future::join(server, client).await;
}

/// A server with these services, as the plan wants it.
pub(super) fn build(process: &mut Process, services: Vec<Service>) -> Result<Server, String> {
    let plan = process.plan.clone();
    let mut builder =
        ServerBuilder::with(PREFIX, process.host.clone(), process.net.link(process.life))
            .instance_id(process.instance.clone())
            .consumer_claim_idle(Duration::from_nanos(plan.claim_idle))
            .shutdown_grace(Duration::from_nanos(plan.grace))
            .reply_stream_max_len(plan.reply_max_len)
            .response_timeout(RESPONSE_TIMEOUT)
            .reconnect_backoff(BACKOFF_MIN, BACKOFF_MAX)
            .seed(process.dice.seed());
    if let Some(limit) = plan.services.first().and_then(|service| service.limit) {
        builder = builder.max_deliveries(limit);
    }
    let server = builder.build().map_err(|error| error.to_string())?;
    for service in services {
        server.register(service).map_err(|error| error.to_string())?;
    }
    Ok(server)
}

fn make_service(
    process: &Process,
    own: Option<&Inner>,
    at: usize,
) -> Result<Service, ContractError> {
    let plan = &process.plan.services[at];
    let run = (process.clone(), own.cloned());
    let note = run.clone();
    let service = Service::new(&plan.name)?
        .method("run", move |params: Params, context: CallContext| {
            let (process, own) = run.clone();
            let (entry, deliveries) = (context.entry(), context.deliveries());
            async move { handle(&process, own.as_ref(), params.n, entry, deliveries).await }
        })?
        .notification("note", move |params: Params, context: CallContext| {
            let (process, own) = note.clone();
            let (entry, deliveries) = (context.entry(), context.deliveries());
            async move {
                _ = handle(&process, own.as_ref(), params.n, entry, deliveries).await;
            }
        })?;
    Ok(match plan.discipline {
        Discipline::Serial => service,
        Discipline::Concurrent(slots) => service.concurrent(slots),
        Discipline::Ordered(slots) => service.ordered_by(slots, |call| call.param::<u64>("key")),
    })
}
