//! The environment of a program that is to be started.

use crate::error::{Error, Kind, Result};
use outlive_escape::cookies::is_cookie;
use outlive_os::spawn::Strings;
use outlive_os::{KERNEL, Kernel, bytes, os_string};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Variables and their values. On Windows `Path` and `PATH` are one variable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<OsString, Variable>);

#[derive(Debug, Clone)]
struct Variable {
    /// How its name was spelt, if not as it is compared.
    spelt: Option<OsString>,
    value: OsString,
}

/// A name as it is compared.
fn folded(name: &OsStr) -> Option<OsString> {
    match KERNEL {
        Kernel::Windows => Some(match name.to_str() {
            Some(name) => name.to_uppercase().into(),
            None => name.to_ascii_uppercase(),
        }),
        Kernel::Linux | Kernel::Darwin => None,
    }
}

/// The variables in this process's environment by which CI runners hunt processes
/// (`JENKINS_NODE_COOKIE` and so on), as it is now. What a [`Command`](crate::Command) starts does not
/// inherit them; this is for those who start programs by other means.
///
/// ```
/// for name in outlive::cookies() {
///     println!("{} would be hunted", name.display());
/// }
/// ```
pub fn cookies() -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_cookie(name).is_some()).collect()
}

impl Environment {
    /// The caller's, without what a program would be hunted by.
    pub(crate) fn inherited() -> Environment {
        let mut environment = Environment::default();
        for (name, value) in std::env::vars_os() {
            if is_cookie(&name).is_none() {
                environment.set(name, value);
            }
        }
        environment
    }

    /// What was [taken](Taken).
    pub(crate) fn of(taken: &Taken) -> Environment {
        let mut environment = Environment::default();
        for (name, value) in taken.iter() {
            environment.set(os_string(name.to_owned()), os_string(value.to_owned()));
        }
        environment
    }

    pub(crate) fn set(&mut self, name: OsString, value: OsString) {
        let (compared, spelt) = match folded(&name) {
            Some(folded) => (folded, Some(name)),
            None => (name, None),
        };
        self.0.insert(compared, Variable { spelt, value });
    }

    pub(crate) fn remove(&mut self, name: &OsStr) {
        match folded(name) {
            Some(folded) => self.0.remove(&folded),
            None => self.0.remove(name),
        };
    }

    pub(crate) fn get(&self, name: &OsStr) -> Option<&OsStr> {
        let found = match folded(name) {
            Some(folded) => self.0.get(&folded),
            None => self.0.get(name),
        };
        found.map(|it| it.value.as_os_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, it)| (it.spelt.as_deref().unwrap_or(name), it.value.as_os_str()))
    }

    /// Refuses what can't be passed on.
    pub(crate) fn check(&self) -> Result<()> {
        self.iter().try_for_each(|(name, value)| check(name, value))
    }

    /// `NAME=value` for each variable; one that can't be passed on is named.
    pub(crate) fn strings(&self) -> Result<Strings> {
        let mut strings = Strings::default();
        for (name, value) in self.iter() {
            check(name, value)?;
            strings
                .push(&[bytes(name), b"=", bytes(value)])
                .expect("what contains a NUL was refused");
        }
        Ok(strings)
    }
}

/// The caller's environment at one moment, without what a program would be hunted by: in the form in
/// which it is passed on, since it mostly is as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Taken(Strings);

impl Taken {
    pub(crate) fn now() -> Taken {
        let mut strings = Strings::default();
        for (name, value) in std::env::vars_os() {
            if is_cookie(&name).is_none() {
                strings
                    .push(&[bytes(&name), b"=", bytes(&value)])
                    .expect("what has a NUL is in no environment");
            }
        }
        Taken(strings)
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().filter_map(|variable| {
            // It may be the first byte of a name (Windows: `=C:`).
            let end = variable.iter().skip(1).position(|&byte| byte == b'=')? + 1;
            Some((&variable[..end], &variable[end + 1..]))
        })
    }

    pub(crate) fn get(&self, wanted: &OsStr) -> Option<OsString> {
        let is_it = |name: &[u8]| match KERNEL {
            Kernel::Windows => name.eq_ignore_ascii_case(bytes(wanted)),
            Kernel::Linux | Kernel::Darwin => name == bytes(wanted),
        };
        let found = self.iter().find(|(name, _)| is_it(name));
        found.map(|(_, value)| os_string(value.to_owned()))
    }

    pub(crate) fn strings(&self) -> &Strings {
        &self.0
    }
}

/// Refuses a variable that can't be passed on (execve(2)).
fn check(name: &OsStr, value: &OsStr) -> Result<()> {
    check_name(name)?;
    if bytes(name).contains(&0) || bytes(value).contains(&0) {
        let what = format!("failed to set `{}`: it contains a NUL byte", name.display());
        return Err(Error::new(Kind::Invalid, what));
    }
    Ok(())
}

/// A variable's name is not empty and has no `=` in it, but perhaps as its first byte.
pub(crate) fn check_name(name: &OsStr) -> Result<()> {
    match bytes(name) {
        [] => Err(Error::new(
            Kind::Invalid,
            "failed to set a variable without a name",
        )),
        [_, rest @ ..] if rest.contains(&b'=') => {
            let what = format!(
                "failed to set `{}`: a name can't contain `=`",
                name.display()
            );
            Err(Error::new(Kind::Invalid, what))
        }
        _ => Ok(()),
    }
}
