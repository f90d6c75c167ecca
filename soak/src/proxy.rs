//! A proxy between the processes and Redis, with a line of its own for each process, on which bytes can be delayed, held
//! back, cut in mid-frame, and connections reset.
//!
//! The proxy of the crate `redis-server-wrapper` can't hold up a connection that exists already, doesn't reset, and doesn't
//! tell which of its connections are whose; so this is one of our own.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::schedule::Direction;

/// What happens to the bytes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Through,
    /// Each piece comes later.
    Delay(Direction, Duration),
    /// Nothing comes through, and nothing is lost.
    Stall(Direction),
    /// After so many bytes the connection is closed.
    Cut(Direction, usize),
    /// Connections are reset.
    Reset,
}

impl Mode {
    fn concerns(self, way: Direction) -> bool {
        match self {
            Mode::Through | Mode::Reset => false,
            Mode::Delay(ways, _) | Mode::Stall(ways) | Mode::Cut(ways, _) => {
                ways == way || ways == Direction::Both
            }
        }
    }
}

/// Whose is a connection that Redis sees: by its port.
type Ports = Arc<Mutex<BTreeMap<u16, String>>>;

/// Where connections are written down.
pub(crate) type Log = Arc<dyn Fn(&str, u16, String) + Send + Sync>;

/// The proxy, with a line for each place.
pub(crate) struct Proxy {
    redis: SocketAddr,
    log: Log,
    ports: Ports,
    lines: BTreeMap<String, (SocketAddr, watch::Sender<Mode>)>,
}

impl Proxy {
    pub(crate) fn new(redis: SocketAddr, log: Log) -> Proxy {
        Proxy { redis, log, ports: Ports::default(), lines: BTreeMap::new() }
    }

    /// Opens a line: whoever connects to it talks to Redis.
    pub(crate) async fn open(&mut self, slot: &str) -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (mode, _) = watch::channel(Mode::Through);
        self.lines.insert(slot.to_owned(), (address, mode.clone()));
        let (redis, ports, slot) = (self.redis, self.ports.clone(), slot.to_owned());
        let log = self.log.clone();
        tokio::spawn(async move {
            loop {
                // An error concerns one connection only.
                if let Ok((stream, _)) = listener.accept().await {
                    let (ports, slot, mode) = (ports.clone(), slot.clone(), mode.subscribe());
                    let log = log.clone();
                    tokio::spawn(async move {
                        // However a connection ends, both of its sides see it.
                        if let Err(error) = carry(stream, redis, ports, &slot, mode, &log).await {
                            log(&slot, 0, format!("failed: {error}"));
                        }
                    });
                }
            }
        });
        Ok(())
    }

    pub(crate) fn url(&self, slot: &str) -> String {
        let address = self.lines.get(slot).map(|(address, _)| address.to_string());
        format!("redis://{}", address.unwrap_or_default())
    }

    pub(crate) fn set(&self, slot: &str, mode: Mode) {
        if let Some((_, line)) = self.lines.get(slot) {
            line.send_replace(mode);
        }
    }

    /// Whose connection it is that comes to Redis from this address.
    pub(crate) fn owner(&self, address: &str) -> Option<String> {
        let port = address.rsplit_once(':')?.1.parse().ok()?;
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).get(&port).cloned()
    }
}

const RESET: &str = "is reset";

/// Enters a connection for as long as it lives.
struct Entered(Ports, u16);

impl Entered {
    fn new(ports: Ports, port: u16, slot: String) -> Entered {
        ports.lock().unwrap_or_else(PoisonError::into_inner).insert(port, slot);
        Entered(ports, port)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

async fn carry(
    mut near: TcpStream,
    redis: SocketAddr,
    ports: Ports,
    slot: &str,
    mode: watch::Receiver<Mode>,
    log: &Log,
) -> io::Result<()> {
    let mut far = TcpStream::connect(redis).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let port = far.local_addr()?.port();
    let _entered = Entered::new(ports, port, slot.to_owned());
    log(slot, port, "is open".to_owned());
    let end = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let mut resets = mode.clone();
        tokio::select! {
            end = pump(near_read, far_write, Direction::ToRedis, mode.clone()) => {
                format!("ends on its way to Redis: {end:?}")
            }
            end = pump(far_read, near_write, Direction::FromRedis, mode) => {
                format!("ends on its way from Redis: {end:?}")
            }
            _ = resets.wait_for(|mode| *mode == Mode::Reset) => RESET.to_owned(),
        }
    };
    let reset = end == RESET;
    log(slot, port, end);
    if reset {
        near.set_zero_linger()?;
        far.set_zero_linger()?;
    }
    Ok(())
}

/// Carries bytes one way, until one side closes or a cut comes.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Direction,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let stalls = |mode: &Mode| matches!(mode, Mode::Stall(_)) && mode.concerns(way);
        let now = *mode.wait_for(|mode| !stalls(mode)).await.map_err(io::Error::other)?;
        match now {
            Mode::Delay(_, wait) if now.concerns(way) => sleep(wait).await,
            Mode::Cut(_, bytes) if now.concerns(way) => {
                to.write_all(&buffer[..count.min(bytes)]).await?;
                return Ok(());
            }
            _ => {}
        }
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(10);
    const A_MOMENT: Duration = Duration::from_millis(100);

    /// Echoes what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn line() -> (Proxy, TcpStream) {
        let mut proxy = Proxy::new(echo().await, Arc::new(|_, _, _| {}));
        proxy.open("s0").await.unwrap();
        let stream = TcpStream::connect(proxy.lines["s0"].0).await.unwrap();
        (proxy, stream)
    }

    async fn ask(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
        stream.write_all(b"ping").await?;
        answer(stream).await
    }

    async fn answer(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
        let mut answer = [0; 4];
        timeout(SOON, stream.read_exact(&mut answer)).await.expect("an answer, or an end")?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_go_through_and_the_owner_is_known() {
        let (proxy, mut stream) = line().await;
        assert_eq!(&ask(&mut stream).await.unwrap(), b"ping");
        let port = *proxy.ports.lock().unwrap().first_key_value().unwrap().0;
        assert_eq!(proxy.owner(&format!("127.0.0.1:{port}")).as_deref(), Some("s0"));
        assert_eq!(proxy.owner("127.0.0.1:1"), None);
    }

    #[tokio::test]
    async fn a_stall_holds_back_and_loses_nothing() {
        for way in [Direction::ToRedis, Direction::FromRedis, Direction::Both] {
            let (proxy, mut stream) = line().await;
            proxy.set("s0", Mode::Stall(way));
            stream.write_all(b"ping").await.unwrap();
            let early = timeout(A_MOMENT, stream.readable()).await;
            assert!(early.is_err(), "nothing comes through: {way:?}");
            proxy.set("s0", Mode::Through);
            assert_eq!(&answer(&mut stream).await.unwrap(), b"ping");
        }
    }

    #[tokio::test]
    async fn a_cut_comes_in_mid_frame() {
        let (proxy, mut stream) = line().await;
        proxy.set("s0", Mode::Cut(Direction::FromRedis, 3));
        stream.write_all(b"ping").await.unwrap();
        let mut got = Vec::new();
        timeout(SOON, stream.read_to_end(&mut got)).await.unwrap().unwrap();
        assert_eq!(got, b"pin");
    }

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let (proxy, mut stream) = line().await;
        ask(&mut stream).await.unwrap();
        proxy.set("s0", Mode::Reset);
        let error = answer(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_delay_delays() {
        let (proxy, mut stream) = line().await;
        proxy.set("s0", Mode::Delay(Direction::Both, A_MOMENT));
        let start = tokio::time::Instant::now();
        ask(&mut stream).await.unwrap();
        assert!(start.elapsed() >= A_MOMENT * 2);
    }
}
