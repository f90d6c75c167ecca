//! Both cores back to back: params into an `Outgoing`, through the client's and the server's core, a handler that reads them,
//! its response through both again, and the result out of it.

use std::time::Duration;

use clamator_core::{
    CallKey, ClientCore, ClientInput, ClientOptions, ClientOutput, Contract, InstanceId, Job,
    JobOutcome, KeyPrefix, MethodKind, Outgoing, ServerCore, ServerInput, ServerOptions,
    ServerOutput, Time, codec, success_response,
};
use serde::{Deserialize, Serialize};

use crate::side::Side;

#[derive(Serialize, Deserialize)]
struct Params {
    a: f64,
    b: f64,
}

const PARAMS: Params = Params { a: 2.0, b: 3.0 };

pub(crate) fn run(calls: usize, window: usize) {
    let (mut client, mut server) = (client(), server());
    let mut now = Time::ZERO;
    client.input(now, ClientInput::Start);
    server.input(now, ServerInput::Start);
    while !(client.is_started && server.is_started) {
        client.take_in(now);
        server.take_in(now);
    }
    let (mut begun, mut done) = (0, 0);
    while done < calls {
        now = now + Duration::from_micros(1);
        while begun < calls && begun - done < window {
            begun += 1;
            client.input(now, call(begun));
        }
        client.take_in(now);
        done += settle(&mut client);
        client.arm();
        server.arrived.append(&mut client.written);
        server.take_in(now);
        while let Some(effect) = server.effects.pop_front() {
            if let ServerOutput::Run(job) = effect {
                let (id, outcome) = (job.id, handle(job));
                server.input(now, ServerInput::Finished(id, outcome));
            }
        }
        server.arm();
        client.arrived.append(&mut server.written);
    }
}

fn client() -> Side<ClientCore> {
    let options = ClientOptions::new(prefix(), InstanceId::from_seed([1; 32]));
    Side::new(ClientCore::new(options, [2; 32], Time::ZERO))
}

fn server() -> Side<ServerCore> {
    let options = ServerOptions::new(prefix(), InstanceId::from_seed([3; 32]));
    let mut core = ServerCore::new(options, [4; 32], Time::ZERO);
    let contract = Contract::new("arith").expect("a name");
    let contract = contract.with_method("add", MethodKind::Request).expect("a name");
    core.register(contract).expect("the first service");
    Side::new(core)
}

fn prefix() -> KeyPrefix {
    KeyPrefix::new("counts").expect("a prefix")
}

fn call(number: usize) -> ClientInput {
    let outgoing = Outgoing::new(MethodKind::Request, "arith", "add", &PARAMS);
    let outgoing = outgoing.expect("numbers can be written");
    ClientInput::Call { key: CallKey(number as u64), outgoing, timeout: None, caller: None }
}

fn handle(job: Job) -> JobOutcome {
    let params: Params = codec::from_params(&job.params).expect("what was sent");
    let id = job.request_id.as_ref().expect("a request");
    JobOutcome::Done(Some(success_response(id, &(params.a + params.b))))
}

fn settle(client: &mut Side<ClientCore>) -> usize {
    let mut settled = 0;
    while let Some(effect) = client.effects.pop_front() {
        if let ClientOutput::Settle(_, result) = effect {
            let sum: f64 = codec::from_result(&result.expect("a result")).expect("a number");
            assert_eq!(sum, PARAMS.a + PARAMS.b);
            settled += 1;
        }
    }
    settled
}
