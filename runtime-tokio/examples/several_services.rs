//! Two services on one server, and one client behind two proxies.
//!
//! Services run next to each other: here a call to one waits until a call to the other lets it go on. The calls of one
//! service run one at a time, in the order in which they came: each sees all that the ones before it have done.
//!
//! `cargo run --example several_services`

use std::sync::Mutex;

use clamator_tokio::{ClientBuilder, Memory, RpcError, ServerBuilder};
use tokio::sync::mpsc;

/// Brings what the kitchen needs.
#[clamator_tokio::contract(service = "pantry")]
pub trait Pantry {
    /// Brings an ingredient to the kitchen.
    async fn bring(&self, ingredient: String) -> Result<(), RpcError>;
}

/// Cooks.
#[clamator_tokio::contract(service = "kitchen")]
pub trait Kitchen {
    /// Waits for the ingredients, and cooks the dish.
    async fn cook(&self, dish: String, ingredients: usize) -> Result<String, RpcError>;
    /// All dishes so far.
    async fn dishes(&self) -> Result<Vec<String>, RpcError>;
}

struct Shelf {
    to_kitchen: mpsc::UnboundedSender<String>,
}

impl Pantry for Shelf {
    async fn bring(&self, ingredient: String) -> Result<(), RpcError> {
        Ok(self.to_kitchen.send(ingredient)?)
    }
}

struct Cook {
    from_pantry: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    dishes: Mutex<Vec<String>>,
}

impl Kitchen for Cook {
    async fn cook(&self, dish: String, ingredients: usize) -> Result<String, RpcError> {
        let mut with = Vec::new();
        let mut from_pantry = self.from_pantry.lock().await;
        while with.len() < ingredients {
            let missing = || RpcError::new(-32001, "the pantry is gone");
            with.push(from_pantry.recv().await.ok_or_else(missing)?);
        }
        self.dishes.lock().unwrap().push(dish.clone());
        Ok(format!("{dish} with {}", with.join(" and ")))
    }

    async fn dishes(&self) -> Result<Vec<String>, RpcError> {
        Ok(self.dishes.lock().unwrap().clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new();
    let (to_kitchen, from_pantry) = mpsc::unbounded_channel();
    let server = ServerBuilder::new("my-app").over(&memory).build()?;
    server.register(PantryService::new(Shelf { to_kitchen }))?;
    server.register(KitchenService::new(Cook {
        from_pantry: from_pantry.into(),
        dishes: Mutex::default(),
    }))?;
    server.start().await?;

    // One client for all services of a prefix, for as long as the program runs. Proxies are cheap.
    let client = ClientBuilder::new("my-app").over(&memory).build()?;
    client.start().await?;
    let pantry = PantryClient::new(&client);
    let kitchen = KitchenClient::new(&client);

    let bring = async {
        pantry.bring("leek".to_owned()).await?;
        pantry.bring("potatoes".to_owned()).await
    };
    let (soup, dishes, brought) = tokio::join!(
        kitchen.cook("soup".to_owned(), 2),
        kitchen.dishes(), // behind the soup, in the same service
        bring,            // next to it, in the other one
    );
    brought?;
    println!("{}", soup?);
    println!("dishes: {}", dishes?.join(", "));

    client.stop().await;
    server.stop().await;
    Ok(())
}
