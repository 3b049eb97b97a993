//! Where the managers listen, and what both are asked for.

use crate::connection::{Connection, Deadline, Result};
use crate::failure::{Cause, Failure};
use crate::wire::{Call, Message, Writer};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const NAME: &str = "org.freedesktop.systemd1";
pub(crate) const PATH: &str = "/org/freedesktop/systemd1";
pub(crate) const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// A systemd that starts units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The user's own (`systemd --user`). It ends at the user's last log-out unless the user
    /// lingers (loginctl(1)).
    User,
    /// Process 1.
    System,
}

impl Manager {
    /// Whether a socket of it is there. Looks for files only: nobody may listen there any more, and
    /// a bus may be there without a manager.
    #[must_use]
    pub fn is_there(self, user: u32) -> bool {
        self.private(user).exists() || self.bus(user).exists()
    }

    /// The manager's own socket, for its own user and for root. It needs no bus, and works from
    /// early boot on.
    fn private(self, user: u32) -> PathBuf {
        match self {
            Manager::User => format!("/run/user/{user}/systemd/private").into(),
            Manager::System => "/run/systemd/private".into(),
        }
    }

    fn bus(self, user: u32) -> PathBuf {
        match self {
            Manager::User => format!("/run/user/{user}/bus").into(),
            Manager::System => SYSTEM_BUS.into(),
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Manager::User => "the user's systemd manager",
            Manager::System => "the system's systemd manager",
        }
    }
}

/// Where the system's bus listens on every Linux (D-Bus specification, "Well-known Message Bus
/// Instances"); /var/run is /run.
pub(crate) const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

/// A connection to a manager: its own socket, or else by the bus.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) connection: Connection,
    /// The name that this process has on the bus, if it is one: signals come only if that is asked
    /// for them, and must be checked for their sender.
    pub(crate) by_bus: Option<String>,
}

impl Asked {
    pub(crate) fn open(manager: Manager, user: u32, deadline: Deadline) -> Result<Asked> {
        match Connection::open(&manager.private(user), deadline) {
            Ok(connection) => Ok(Asked {
                connection,
                by_bus: None,
            }),
            Err(Cause::NotThere(_)) => Asked::by_bus(&manager.bus(user), deadline),
            Err(cause) => Err(cause),
        }
    }

    pub(crate) fn by_bus(path: &Path, deadline: Deadline) -> Result<Asked> {
        let mut connection = Connection::open(path, deadline)?;
        let name = connection.greet()?;
        Ok(Asked {
            connection,
            by_bus: Some(name),
        })
    }

    /// Has the signals of systemd pass the bus. Its own socket sends them unasked.
    pub(crate) fn listen(&mut self, interface: &str, member: &str, path: &str) -> Result<()> {
        if self.by_bus.is_none() {
            return Ok(());
        }
        self.connection.listen_for(&format!(
            "type='signal',sender='{NAME}',interface='{interface}',member='{member}',path='{path}'"
        ))
    }

    /// A property of an object; the answer is a variant.
    pub(crate) fn property(
        &mut self,
        destination: &str,
        path: &str,
        interface: &str,
        name: &str,
    ) -> Result<Message> {
        let mut body = Writer::default();
        body.text(interface).text(name);
        let call = Call {
            destination,
            path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            flags: 0,
            signature: "ss",
            body,
            descriptors: 0,
        };
        self.connection.call(call, None)
    }
}

/// A call of the manager itself. It allows the bus to start who has that name: a bus that was just
/// started itself then waits for the manager to connect to it, and answers at once where there is
/// none (`Exec=/bin/false`).
pub(crate) fn call<'a>(member: &'a str, signature: &'a str, body: Writer) -> Call<'a> {
    Call {
        destination: NAME,
        path: PATH,
        interface: MANAGER,
        member,
        flags: 0,
        signature,
        body,
        descriptors: 0,
    }
}

/// The manager's process, as far as it can be told: through its own socket, and in this pid
/// namespace.
pub fn process(
    manager: Manager,
    user: u32,
    within: Duration,
) -> std::result::Result<Option<i32>, Failure> {
    if manager == Manager::System {
        // As sd_booted(3) does.
        return Ok(Path::new("/run/systemd/system").exists().then_some(1));
    }
    let path = manager.private(user);
    match Connection::open(&path, Deadline::after(within)) {
        Ok(connection) => Ok(connection.peer()),
        Err(Cause::NotThere(_)) => Ok(None),
        Err(cause) => Err(cause.because(format!("failed to reach {}", manager.words()))),
    }
}

/// What the manager knows this process by: another pid if this is a pid namespace that it is outside
/// of, which its bus tells (org.freedesktop.DBus, `GetConnectionUnixProcessID`).
pub(crate) fn own_pid(
    asked: &mut Asked,
    manager: Manager,
    user: u32,
    deadline: Deadline,
) -> Result<i32> {
    if asked.connection.peer_is_in_sight()? {
        return Ok(std::process::id().cast_signed());
    }
    let mut by_bus;
    let bus = match asked.by_bus {
        Some(_) => asked,
        None => {
            by_bus = Asked::by_bus(&manager.bus(user), deadline)?;
            &mut by_bus
        }
    };
    let mut name = Writer::default();
    name.text(bus.by_bus.as_deref().unwrap_or_default());
    let answer = bus.connection.ask_bus("GetConnectionUnixProcessID", name)?;
    let pid = answer.body("u")?.number()?;
    i32::try_from(pid).map_err(|_| Cause::Failed("that is no process id".to_owned()))
}

/// The `KillMode` of a unit that is loaded: `control-group`, `mixed`, `process` or `none`
/// (systemd.kill(5)). A unit that is unknown is an error: its properties would have their defaults.
pub fn kill_mode(
    manager: Manager,
    user: u32,
    unit: &str,
    within: Duration,
) -> std::result::Result<String, Failure> {
    let ask = || -> Result<String> {
        let interface = match unit.rsplit_once('.') {
            Some((_, "service")) => "org.freedesktop.systemd1.Service",
            Some((_, "scope")) => "org.freedesktop.systemd1.Scope",
            _ => return Err(Cause::Failed("it is no service and no scope".to_owned())),
        };
        let mut asked = Asked::open(manager, user, Deadline::after(within))?;
        let mut body = Writer::default();
        body.text(unit);
        let answer = asked.connection.call(call("GetUnit", "s", body), None)?;
        let path = answer.body("o")?.text()?.to_owned();
        let answer = asked.property(NAME, &path, interface, "KillMode")?;
        Ok(answer.variant("s")?.text()?.to_owned())
    };
    ask().map_err(|cause| {
        let whom = manager.words();
        cause.because(format!("failed to ask {whom} about `{unit}`"))
    })
}
