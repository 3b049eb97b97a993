//! What a new keeper is given, by a launcher that started it or by one that had a manager do so.

use crate::start::Refusal;
use outlive_os::socket::Connection;
use outlive_os::{AsDescriptor, Descriptor, memory, proc, role};
use outlive_record::{Answer, Herald, LAUNCH_LIMIT, Launch, Slot};
use std::io;

/// How many descriptors a keeper may have: its own, those of its connections, and a few to look at
/// processes with.
const DESCRIPTORS: u64 = 64;
/// The longest packet that comes with a descriptor: it says nothing else.
const PACKET_LIMIT: usize = 16;

/// What the job is to have of whoever asked for it, and its keeper not.
#[derive(Clone, Copy)]
pub(crate) struct Heritage {
    pub(crate) umask: u32,
    pub(crate) descriptor_limit: Option<u64>,
}

impl Heritage {
    /// What this process has of it; from here on it has its own.
    pub(crate) fn take() -> Heritage {
        Heritage {
            umask: role::private_umask(),
            descriptor_limit: role::allow_descriptors(DESCRIPTORS),
        }
    }
}

/// Everything from the launcher.
pub(crate) struct Arrival {
    pub(crate) launch: Launch,
    pub(crate) environment: Vec<u8>,
    pub(crate) slots: Vec<Descriptor>,
    pub(crate) heritage: Heritage,
}

impl Arrival {
    /// A descriptor that has come along.
    pub(crate) fn slot(&self, number: Slot) -> Option<&Descriptor> {
        self.slots.get(usize::try_from(number).ok()?)
    }
}

/// Who has had this keeper started.
pub(crate) struct Launcher {
    /// The way to it, on which it is to be answered.
    pub(crate) connection: Connection,
    /// What else was inherited.
    slots: Vec<Descriptor>,
    /// Whether it has started this keeper itself, and announces what is to come.
    announces: bool,
}

impl Launcher {
    /// Nothing if nobody is there to be answered.
    pub(crate) fn find() -> Option<Launcher> {
        let mut slots = role::inherited().ok()?;
        let announces = !slots.is_empty();
        let connection = if announces {
            Connection::from_descriptor(slots.remove(0))
        } else {
            // A manager has one descriptor to give, others have none. The launcher waits for a word on it.
            let connection = Connection::from_descriptor(role::take_standard_input_socket()?);
            connection.send(b"hello", None).ok()?;
            connection
        };
        Some(Launcher {
            connection,
            slots,
            announces,
        })
    }

    /// What is announced. A launcher that announces nothing is of another version: it has sent its launch,
    /// waits for the answer, and sends no more.
    pub(crate) fn herald(&self) -> Result<Herald, Refusal> {
        if !self.announces {
            return Ok(Herald::Known);
        }
        let failed = |cause| Refusal::io("failed to read the launch", cause);
        let (packet, _) = self.connection.receive(LAUNCH_LIMIT).map_err(failed)?;
        Herald::parse(&packet).map_err(|why| {
            Refusal::launch(format!(
                "it is not announced, as launchers of version {} do: {why}",
                env!("CARGO_PKG_VERSION")
            ))
        })
    }
}

/// Takes what is handed over; what a keeper is in any case it is by then.
pub(crate) fn arrive(launcher: &mut Launcher, heritage: Heritage) -> Result<Arrival, Refusal> {
    let slots = std::mem::take(&mut launcher.slots);
    let launcher = &launcher.connection;
    let failed = |cause| Refusal::io("failed to read the launch", cause);
    let (packet, descriptor) = launcher.receive(LAUNCH_LIMIT).map_err(failed)?;
    let bytes = match descriptor {
        Some(memory) => memory::bytes(memory).map_err(failed)?,
        None => packet,
    };
    let (launch, environment) = Launch::parse(&bytes).map_err(Refusal::launch)?;
    let environment = environment.to_vec();
    drop(bytes);
    let mut arrival = Arrival {
        launch,
        environment,
        slots,
        heritage,
    };
    if let Some(delegated) = arrival.launch.delegated.clone() {
        let mut handed = (0..delegated.descriptors).map(|_| next(launcher));
        let folder = handed
            .next()
            .ok_or_else(|| Refusal::launch("it has no folder".to_owned()))?
            .map_err(failed)?;
        for descriptor in handed {
            arrival.slots.push(descriptor.map_err(failed)?);
        }
        let beyond = delegated
            .bounds
            .map_or_else(Vec::new, |bounds| proc::bounds(None).beyond(&bounds));
        if !beyond.is_empty() {
            return Err(Refusal::from(Answer::OutsideSandbox { beyond }));
        }
        // By descriptor, so that it is the launcher's own folder, whatever its path means here.
        role::enter_folder(folder.as_fd())
            .map_err(|cause| Refusal::io("failed to enter the folder", cause))?;
        // The launcher's limits come as settings.
        arrival.heritage = Heritage {
            umask: delegated.umask,
            descriptor_limit: None,
        };
    }
    Ok(arrival)
}

fn next(launcher: &Connection) -> io::Result<Descriptor> {
    let (_, descriptor) = launcher.receive(PACKET_LIMIT)?;
    descriptor.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
