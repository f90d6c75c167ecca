//! The example `testing_handlers` as the tests that it talks about.

#[path = "../examples/testing_handlers.rs"]
#[allow(dead_code, unreachable_pub)] // its `main`, and what is public in a program of its own
mod example;

#[tokio::test]
async fn the_handler_alone() {
    example::the_handler_alone().await;
}

#[tokio::test(start_paused = true)]
async fn the_whole_way_on_tokio() {
    example::the_whole_way_on_tokio().await.unwrap();
}

#[test]
fn a_timeout_in_no_time() {
    example::a_timeout_in_no_time();
}
