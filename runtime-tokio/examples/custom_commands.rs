//! Commands whose names are known only at boot, next to a service whose contract is a trait.
//!
//! A trait is the better choice wherever it is possible: the compiler then checks both sides. This is for what users
//! bring along, such as the commands of a configuration file.
//!
//! `cargo run --example custom_commands`

use std::collections::BTreeMap;

use clamator_tokio::{
    CallContext, CallError, ClientBuilder, ContractError, Memory, RpcError, ServerBuilder, Service,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Arithmetic.
#[clamator_tokio::contract(service = "arith")]
pub trait Arith {
    /// Adds two numbers.
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }
}

/// What every custom command takes.
#[derive(Deserialize)]
struct Params {
    name: String,
}

/// What every custom command gives.
#[derive(Deserialize, Serialize)]
struct Text {
    text: String,
}

/// A service with a method for each command: its name and its template.
fn custom_commands(commands: &BTreeMap<String, String>) -> Result<Service, ContractError> {
    let mut service = Service::new("custom-commands")?;
    for (name, template) in commands {
        let template = template.clone();
        service = service.method(name, move |params: Params, _context: CallContext| {
            let text = template.replace("{name}", &params.name);
            async move { Ok::<_, RpcError>(Text { text }) }
        })?;
    }
    Ok(service)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let configured = [("greet", "Hello, {name}!"), ("part", "Farewell, {name}.")];
    let commands = configured.map(|(name, text)| (name.to_owned(), text.to_owned())).into();

    let memory = Memory::new();
    let server = ServerBuilder::new("my-app").over(&memory).build()?;
    server.register(ArithService::new(Calculator))?;
    server.register(custom_commands(&commands)?)?;
    server.start().await?;

    let client = ClientBuilder::new("my-app").over(&memory).build()?;
    client.start().await?;
    println!("2 + 3 = {}", ArithClient::new(&client).add(2.0, 3.0).await?);

    for command in ["greet", "part", "insult"] {
        let params = json!({ "name": "Ada" });
        match client.call::<Text>("custom-commands", command, &params).await {
            Ok(answer) => println!("{command}: {}", answer.text),
            Err(CallError::Rpc(error)) => println!("{command}: {error}"),
            Err(error) => return Err(error.into()),
        }
    }

    client.stop().await;
    server.stop().await;
    Ok(())
}
