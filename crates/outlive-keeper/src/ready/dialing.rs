//! Connecting to a port, over and over, until somebody answers.

use outlive_os::dial::Dial;
use outlive_record::Site;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses that are tried, and the connections that are being made.
#[derive(Default)]
pub(super) struct Dialing {
    addresses: Vec<SocketAddr>,
    begun: Vec<Dial>,
}

impl Clone for Dialing {
    /// The same addresses, with no connection begun.
    fn clone(&self) -> Dialing {
        Dialing {
            addresses: self.addresses.clone(),
            begun: Vec::new(),
        }
    }
}

impl Dialing {
    pub(super) fn new(site: Site) -> Dialing {
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses: Vec<IpAddr> = match site.address {
            Some(address) => vec![address],
            None => loopback.to_vec(),
        };
        let addresses = addresses.into_iter();
        Dialing {
            addresses: addresses
                .map(|address| SocketAddr::new(address, site.port))
                .collect(),
            begun: Vec::new(),
        }
    }

    /// A connection, if one has been made by now. What was begun before goes on; what was refused is
    /// begun again.
    pub(super) fn connected(&mut self) -> Option<Dial> {
        if self.begun.is_empty() {
            // An address of a family that this machine lacks can't be tried.
            let begun = self.addresses.iter().flat_map(|it| Dial::begin(*it));
            self.begun.extend(begun);
        }
        for dial in std::mem::take(&mut self.begun) {
            match dial.is_connected() {
                Ok(true) => return Some(dial),
                Ok(false) => self.begun.push(dial),
                Err(_) => {}
            }
        }
        None
    }
}
