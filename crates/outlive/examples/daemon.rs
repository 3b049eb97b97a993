//! A network service that goes on in the background: whatever is sent to it comes back.
//!
//! ```sh
//! cargo run --example daemon -- 127.0.0.1:7007 /tmp/echo.pid && echo "it is ready"
//! kill "$(cat /tmp/echo.pid)"
//! ```
#![forbid(unsafe_code)]

use outlive::Daemon;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> outlive::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7007".into());
    let mut daemon = Daemon::new();
    if let Some(path) = arguments.next() {
        daemon.pid_file(path);
    }
    // Before any thread is started. From here on this is the daemon; its starter waits.
    let mut daemon = daemon.start()?;
    let listener = match TcpListener::bind(&address) {
        Ok(listener) => listener,
        Err(error) => daemon.failed(format!("failed to listen at {address}: {error}")),
    };
    daemon.ready()?;
    for connection in listener.incoming().flatten() {
        thread::spawn(move || echo(&connection));
    }
    Ok(())
}

fn echo(connection: &TcpStream) -> io::Result<u64> {
    let (mut from, mut to) = (connection, connection);
    io::copy(&mut from, &mut to)
}
