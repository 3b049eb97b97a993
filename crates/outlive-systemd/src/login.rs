//! What logind does to processes at a log-out: org.freedesktop.login1(5), logind.conf(5).

use crate::connection::{Deadline, Result};
use crate::failure::{Cause, Failure};
use crate::manager::{self, Asked, MANAGER, Manager, PATH, SYSTEM_BUS};
use crate::units;
use crate::wire::{Call, Value, Writer};
use std::fs;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "org.freedesktop.login1";
const POLKIT: &str = "org.freedesktop.PolicyKit1";
const LOGIN_PATH: &str = "/org/freedesktop/login1";
const LOGIN: &str = "org.freedesktop.login1.Manager";
const USER: &str = "org.freedesktop.login1.User";

/// What happens when a user logs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logind {
    /// Whether the processes of this user's session are killed then: `KillUserProcesses` with
    /// `KillOnlyUsers` and `KillExcludeUsers` (logind.conf(5)).
    pub kills_user_processes: bool,
    /// Whether this user's manager runs without a login too: from boot on, and after the last
    /// log-out (`loginctl enable-linger`).
    pub lingers: bool,
}

/// Asks logind what a log-out does to this user's processes.
pub fn logind(user: u32, within: Duration) -> std::result::Result<Logind, Failure> {
    let ask = || -> Result<Logind> {
        let mut asked = Asked::by_bus(Path::new(SYSTEM_BUS), Deadline::after(within))?;
        let (name, lingers) = match find_user(&mut asked, user) {
            Ok(path) => {
                let name = asked.property(NAME, &path, USER, "Name")?;
                let lingers = asked.property(NAME, &path, USER, "Linger")?;
                let name = name.variant("s")?.text()?.to_owned();
                (Some(name), lingers.variant("b")?.flag()?)
            }
            // logind knows everybody who is logged in or lingers.
            Err(cause) if cause.is("org.freedesktop.login1.NoSuchUser") => (name_of(user), false),
            Err(cause) => return Err(cause),
        };
        let mut setting = |name| asked.property(NAME, LOGIN_PATH, LOGIN, name);
        let kills = setting("KillUserProcesses")?.variant("b")?.flag()?;
        let (only, not) = (setting("KillOnlyUsers")?, setting("KillExcludeUsers")?);
        let only = only.variant("as")?.texts()?;
        let not = not.variant("as")?.texts()?;
        let is_in = |names: &[&str]| names.iter().any(|it| Some(*it) == name.as_deref());
        Ok(Logind {
            kills_user_processes: kills && !is_in(&not) && (only.is_empty() || is_in(&only)),
            lingers,
        })
    };
    ask().map_err(|cause| cause.because("failed to ask logind about log-outs"))
}

/// Has a user's manager run without a login (`loginctl enable-linger`), and waits until it is up. It
/// lasts until `loginctl disable-linger`, across reboots too.
///
/// By polkit's defaults users may do so for themselves without a password
/// (`org.freedesktop.login1.set-self-linger`); nobody is asked for one here.
pub fn enable_linger(user: u32, within: Duration) -> std::result::Result<(), Failure> {
    let enable = || -> Result<()> {
        let mut asked = Asked::by_bus(Path::new(SYSTEM_BUS), Deadline::after(within))?;
        asked.listen(MANAGER, "JobRemoved", PATH)?;
        // On a bus systemd sends its signals only while somebody has asked it to.
        asked
            .connection
            .call(manager::call("Subscribe", "", Writer::default()), None)?;
        let mut body = Writer::default();
        body.number(user).flag(true).flag(false);
        let call = call("SetUserLinger", "ubb", body);
        asked.connection.call(call, None)?;
        // logind has queued the start by now, or the manager runs already.
        let unit = format!("user@{user}.service");
        let path = units::object_of(&unit);
        let interface = "org.freedesktop.systemd1.Unit";
        let state = asked.property(manager::NAME, &path, interface, "ActiveState")?;
        if state.variant("s")?.text()? == "active" {
            return Ok(());
        }
        loop {
            let signal = asked.connection.signal()?;
            if signal.sender != state.sender || !signal.is_signal(MANAGER, "JobRemoved") {
                continue;
            }
            let mut body = signal.body("uoss")?;
            body.number()?;
            body.text()?;
            if body.text()? != unit {
                continue;
            }
            return match body.text()? {
                "done" => Ok(()),
                result => Err(Cause::Failed(format!(
                    "`{unit}` did not start (its job: {result})"
                ))),
            };
        }
    };
    enable().map_err(|cause| {
        let whom = Manager::User.words();
        cause.because(format!("failed to have {whom} outlive log-outs"))
    })
}

/// Whether [`enable_linger`] would be allowed to this process, for its own user: what polkit says
/// without asking anybody for a password (org.freedesktop.PolicyKit1.Authority,
/// `CheckAuthorization`). logind asks the same thing.
pub fn may_enable_linger(within: Duration) -> std::result::Result<bool, Failure> {
    let ask = || -> Result<bool> {
        let mut asked = Asked::by_bus(Path::new(SYSTEM_BUS), Deadline::after(within))?;
        let own = asked.by_bus.clone().unwrap_or_default();
        let mut body = Writer::default();
        body.align(8).text("system-bus-name").array(8, |details| {
            details.align(8).text("name").variant(&Value::Text(&own));
        });
        body.text("org.freedesktop.login1.set-self-linger");
        // No details, no interaction, nothing by which to cancel it.
        body.array(8, |_| {}).number(0).text("");
        let call = Call {
            destination: POLKIT,
            path: "/org/freedesktop/PolicyKit1/Authority",
            interface: "org.freedesktop.PolicyKit1.Authority",
            member: "CheckAuthorization",
            flags: 0,
            signature: "(sa{sv})sa{ss}us",
            body,
            descriptors: 0,
        };
        let answer = asked.connection.call(call, None)?;
        Ok(answer.body("(bba{ss})")?.flag()?)
    };
    ask().map_err(|cause| cause.because("failed to ask polkit about lingering"))
}

fn find_user(asked: &mut Asked, user: u32) -> Result<String> {
    let mut body = Writer::default();
    body.number(user);
    let answer = asked.connection.call(call("GetUser", "u", body), None)?;
    Ok(answer.body("o")?.text()?.to_owned())
}

/// Its name, from the one table that can be read without a name service. Without a name the lists
/// of users don't fit it.
fn name_of(user: u32) -> Option<String> {
    let table = fs::read_to_string("/etc/passwd").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == user.to_string()).then(|| name.to_owned())
    })
}

fn call<'a>(member: &'a str, signature: &'a str, body: Writer) -> Call<'a> {
    Call {
        destination: NAME,
        path: LOGIN_PATH,
        interface: LOGIN,
        member,
        flags: 0,
        signature,
        body,
        descriptors: 0,
    }
}
