//! Debian packages of releases newer than this machine's: downloaded and unpacked, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::is_debian;
use crate::error::{Context, Error, Result};
use crate::machine;
use crate::workspace::{output, run};

/// The newest suites keep the packages of a compiler for a while after the next one is out.
const SUITES: &[&str] = &["trixie-backports", "forky", "sid"];

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The file of `package` whose upstream version is `version`; None if no suite has it.
pub(super) fn download(package: &str, version: &str, to: &Path) -> Result<Option<PathBuf>> {
    let Some((suite, found)) = newer(package, |listed| offered(listed, version), to)? else {
        return Ok(None);
    };
    let wanted = format!("{package}={found}");
    let files = fetch(suite.apt("apt-get"), &[&wanted], &to.join("packages"));
    Ok(files?.pop())
}

/// The files of `packages` and of all that they depend on, the C library among it, of the first newer
/// release that has the first of them; None if there is none.
pub(crate) fn download_newer(packages: &[&str], to: &Path) -> Result<Option<Vec<PathBuf>>> {
    if !is_debian() {
        return Ok(None);
    }
    let any = |listed: &str| listed.split('|').nth(1).map(|it| it.trim().to_owned());
    let Some((suite, _)) = newer(packages[0], any, to)? else {
        return Ok(None);
    };
    let mut plan = suite.apt("apt-get");
    // Nothing of it is installed here, of that release.
    plan.args(["-o", "Dir::State::status=/dev/null"]);
    let names = installs(plan, packages)?;
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    fetch(suite.apt("apt-get"), &names, &to.join("packages")).map(Some)
}

/// The first of the newer suites that has `package` in a version that is picked, and that version.
fn newer(
    package: &str,
    pick: impl Fn(&str) -> Option<String>,
    to: &Path,
) -> Result<Option<(Suite, String)>> {
    for name in SUITES {
        let Some(suite) = Suite::open(name, None, to)? else {
            continue;
        };
        let listed = output(suite.apt("apt-cache").args(["madison", package]))?;
        if let Some(found) = pick(&listed) {
            eprintln!("{package} {found} of {name}");
            return Ok(Some((suite, found)));
        }
        eprintln!("no such {package} in {name}");
    }
    Ok(None)
}

/// The files of `packages` for another kind of processor, of this machine's release. A package that
/// only stands for its newest version is followed to that.
pub(super) fn download_foreign(
    architecture: &str,
    packages: &[&str],
    to: &Path,
) -> Result<Vec<PathBuf>> {
    let release = machine::release()?;
    let suite = Suite::open(&release, Some(architecture), to)?
        .ok_or_else(|| Error::lacking(format!("no Debian {release} for {architecture}")))?;
    let mut names = Vec::new();
    for package in packages {
        let depends = output(suite.apt("apt-cache").args(["depends", package]))?;
        let newest = depends
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with("linux-image-"));
        names.push(newest.unwrap_or(package).to_owned());
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    fetch(suite.apt("apt-get"), &names, &to.join("packages"))
}

/// The files of `package` and of all that installing it would install, of this machine's release.
pub(super) fn download_with_dependencies(packages: &[&str], to: &Path) -> Result<Vec<PathBuf>> {
    let names = installs(Command::new("apt-get"), packages)?;
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    fetch(Command::new("apt-get"), &names, to)
}

/// The packages that installing these would install.
fn installs(mut apt_get: Command, packages: &[&str]) -> Result<Vec<String>> {
    let plan = output(
        apt_get
            .args(["--simulate", "--no-install-recommends", "install"])
            .args(packages),
    )?;
    let names = plan
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}

/// Downloads into a folder that is empty before.
fn fetch(mut apt_get: Command, packages: &[&str], to: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("failed to download to `{}`", to.display());
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(failed);
        }
        _ => fs::create_dir_all(to).context(failed)?,
    }
    // Root's downloads would be made by a user of apt's own, who can't write here.
    run(apt_get
        .args(["-q", "-o", "APT::Sandbox::User=root", "download"])
        .args(packages)
        .stdout(Stdio::null())
        .current_dir(to))?;
    let files = fs::read_dir(to).context(failed)?;
    files
        .map(|file| file.map(|file| file.path()).context(failed))
        .collect()
}

/// Unpacks what matches `pattern` of a package, folders with all that is in them, without the first `strip` folders of its paths.
pub(crate) fn unpack(package: &Path, pattern: &str, strip: usize, to: &Path) -> Result<()> {
    let failed = || format!("failed to unpack `{}`", package.display());
    fs::create_dir_all(to).context(failed)?;
    let mut contents = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context(failed)?;
    let pipe = contents.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let unpacked = Command::new("tar")
        .arg("--extract")
        .arg(format!("--strip-components={strip}"))
        .arg("--directory")
        .arg(to)
        .args(["--wildcards", "--no-wildcards-match-slash", pattern])
        .stdin(pipe)
        .status()
        .context(failed)?;
    let read = contents.wait().context(failed)?;
    if unpacked.success() && read.success() {
        return Ok(());
    }
    Err(Error::new(format!("{}: {unpacked}", failed())))
}

/// Where this machine gets Debian from.
fn mirror() -> Result<String> {
    let release = machine::release()?;
    let mirrors = output(
        Command::new("apt-get")
            .args(["indextargets", "--format", "$(REPO_URI)"])
            .args([&format!("Codename: {release}"), "Component: main"]),
    )?;
    let first = mirrors.lines().next().map(str::to_owned);
    first
        .ok_or_else(|| Error::lacking(format!("no apt source of Debian {release} on this machine")))
}

/// A part of Debian that this machine does not install from.
struct Suite {
    settings: PathBuf,
}

impl Suite {
    /// Asks for its lists, which are kept below `folder`; None if there are none.
    fn open(name: &str, architecture: Option<&str>, folder: &Path) -> Result<Option<Self>> {
        let mirror = mirror()?;
        let folder = folder.join(format!("apt-{name}{}", architecture.unwrap_or_default()));
        let suite = Self {
            settings: folder.join("apt.conf"),
        };
        let path = folder.display();
        let failed = || format!("failed to write below `{path}`");
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).context(failed)?;
        }
        let only = architecture.map_or(String::new(), |it| format!("arch={it} "));
        let source = format!("deb [{only}signed-by={KEYS}] {mirror} {name} main\n");
        fs::write(folder.join("sources.list"), source).context(failed)?;
        // apt.conf(5): an apt that knows of nothing else.
        let mut settings = format!(
            "Dir::Etc::sourcelist \"{path}/sources.list\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             Dir::State::lists \"{path}/lists\";\n\
             Dir::Cache \"{path}/cache\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
             APT::Sandbox::User \"root\";\n"
        );
        if let Some(architecture) = architecture {
            settings.push_str(&format!(
                "APT::Architecture \"{architecture}\";\n\
                 APT::Architectures \"{architecture}\";\n\
                 Dir::State::status \"/dev/null\";\n"
            ));
        }
        fs::write(&suite.settings, settings).context(failed)?;
        // A suite that this mirror lacks is no reason to stop.
        let updated = suite.apt("apt-get").args(["-q", "update"]).output();
        if updated.is_ok_and(|updated| updated.status.success()) {
            return Ok(Some(suite));
        }
        eprintln!("no package lists of {name} at {mirror}");
        Ok(None)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.settings);
        command
    }
}

/// The package version with the upstream version `wanted`, in what `apt-cache madison` lists.
fn offered(listed: &str, wanted: &str) -> Option<String> {
    listed
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|version| {
            let revision = version.strip_prefix(wanted);
            revision.is_some_and(|revision| revision.starts_with(['+', '~', '-']))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_taken_of_exactly_the_version_asked_for() {
        let listed = " rust-src | 1.95.01-1 | http://a sid/main amd64 Packages\n \
                      rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://a sid/main amd64 Packages\n";
        assert_eq!(
            offered(listed, "1.95.0"),
            Some("1.95.0+dfsg1-2~bpo13+1".to_owned())
        );
        assert_eq!(offered(listed, "1.95"), None);
        assert_eq!(offered("", "1.95.0"), None);
    }
}
