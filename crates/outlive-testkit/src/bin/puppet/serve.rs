//! What a server does that others wait for.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

/// Listens from now on, at an address and port or at a path.
pub(crate) fn listen(address: &str) -> io::Result<()> {
    // Never closed, whatever comes.
    match address.starts_with('/') {
        true => std::mem::forget(UnixListener::bind(address)?),
        false => std::mem::forget(TcpListener::bind(address)?),
    }
    Ok(())
}

/// Listens until somebody asks over HTTP; gives them the status behind the address, and says what the
/// first line of the question was.
pub(crate) fn answer(rest: &str) -> io::Result<String> {
    let (address, status) = rest.split_once(' ').ok_or(io::ErrorKind::InvalidInput)?;
    let (mut stream, _) = TcpListener::bind(address)?.accept()?;
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        question.push(byte[0]);
    }
    stream.write_all(format!("HTTP/1.1 {status} So\r\n\r\n").as_bytes())?;
    let question = String::from_utf8_lossy(&question).into_owned();
    Ok(question.lines().next().unwrap_or_default().to_owned())
}

/// Tells whoever listens at NOTIFY_SOCKET; `;` stands between assignments.
pub(crate) fn notify(assignments: &str) -> io::Result<()> {
    let address = std::env::var("NOTIFY_SOCKET").map_err(io::Error::other)?;
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let text = assignments.replace(';', "\n");
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}
