//! Daemons that a service manager runs: they tell it, and do not fork.

use crate::{option, path, run, words};
use outlive_testkit::{Home, Pidfd, Puppet, Running, is_root, process, skipped};
use std::ffi::OsString;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

/// A manager's socket in the home's folder, and its address for NOTIFY_SOCKET.
fn manager(home: &Home) -> (UnixDatagram, String) {
    let address = path(home, "notify");
    let socket = UnixDatagram::bind(&address).expect("our own folder");
    (guarded(socket), address)
}

/// A test that hears of nothing fails instead of waiting for ever.
fn guarded(socket: UnixDatagram) -> UnixDatagram {
    let guard = Some(outlive_testkit::events::GUARD);
    socket.set_read_timeout(guard).expect("a time above zero");
    socket
}

#[track_caller]
fn hear(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("it says something");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// A puppet with these options as a service of this manager.
fn service(home: &Home, puppet: &Puppet, address: &str, options: &[&str]) -> Command {
    let mut command = home.command(words(puppet, options));
    command.env("NOTIFY_SOCKET", address);
    command.env_remove("SYSTEMD_EXEC_PID");
    command
}

#[test]
fn the_manager_is_told_and_nothing_forks() {
    let home = Home::new();
    let (socket, address) = manager(&home);
    let mut puppet = Puppet::new(&home);
    let tell = option("tell", &home, "told");
    let mut running = Running::start(&mut service(&home, &puppet, &address, &[&tell]));
    let pid = puppet.ready();
    assert_eq!(hear(&socket), format!("READY=1\nMAINPID={pid}"));
    assert_eq!(running.pid(), pid);
    let told = fs::read_to_string(path(&home, "told")).expect("it told");
    assert_eq!(told, "supervised true\n");
    puppet.exit(4);
    assert_eq!(running.end(), 4);
}

#[test]
fn an_abstract_socket_is_told_too() {
    let home = Home::new();
    let name = format!("outlive-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a short name");
    let socket = guarded(UnixDatagram::bind_addr(&address).expect("a name of our own"));
    let mut puppet = Puppet::new(&home);
    let mut command = service(&home, &puppet, &format!("@{name}"), &[]);
    let _running = Running::start(&mut command);
    let pid = puppet.ready();
    assert_eq!(hear(&socket), format!("READY=1\nMAINPID={pid}"));
}

#[test]
fn a_failure_is_told_with_its_reason_and_number() {
    let home = Home::new();
    let (socket, address) = manager(&home);
    let puppet = Puppet::new(&home);
    let options = ["then=fail:port 80 is taken"];
    let said = Running::start(&mut service(&home, &puppet, &address, &options)).finish();
    assert_eq!(said.code, 1, "{said}");
    assert_eq!(said.errors(), "port 80 is taken");
    assert_eq!(hear(&socket), "STATUS=port 80 is taken\nERRNO=5");
}

#[test]
fn streams_stay_and_the_rest_is_done() {
    let home = Home::new();
    let (socket, address) = manager(&home);
    let mut puppet = Puppet::new(&home);
    let err = option("stderr", &home, "err");
    let pid_file = option("pid-file", &home, "pid");
    let options = [&*err, &pid_file, "dir=/usr", "umask=27"];
    let mut running = Running::start(&mut service(&home, &puppet, &address, &options));
    let pid = puppet.ready();
    hear(&socket);
    puppet.does("say to the journal");
    assert_eq!(running.out.line().as_deref(), Some("to the journal"));
    puppet.does("complain to the file");
    let complained = fs::read_to_string(path(&home, "err")).expect("it was made");
    assert_eq!(complained, "to the file\n");
    assert_eq!(puppet.ask("folder"), "/usr");
    assert_eq!(puppet.ask("umask"), "027");
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), pid.to_string());
    puppet.exit(0);
    assert_eq!(running.end(), 0);
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}

#[test]
fn the_manager_is_told_from_another_root_and_by_another_user() {
    if !is_root() {
        return skipped("telling from another root", "this is not root");
    }
    let home = Home::new();
    crate::rights::let_others_in(&home);
    let (socket, address) = manager(&home);
    let mut puppet = Puppet::new(&home);
    fs::create_dir(path(&home, "data")).expect("our own folder");
    let chroot = format!("chroot={}", home.folder().display());
    let options = [&*chroot, "dir=/data", "user=65534", "group=65534"];
    let _running = Running::start(&mut service(&home, &puppet, &address, &options));
    let pid = puppet.ready();
    assert_eq!(hear(&socket), format!("READY=1\nMAINPID={pid}"));
    assert_eq!(crate::status(pid, "Uid"), "65534\t65534\t65534\t65534");
}

#[test]
fn the_variables_of_another_service_are_none_of_ours() {
    let home = Home::new();
    let (socket, address) = manager(&home);
    let mut puppet = Puppet::new(&home);
    let mut command = service(&home, &puppet, &address, &[]);
    // As in a terminal that a service has started.
    command.env("SYSTEMD_EXEC_PID", std::process::id().to_string());
    let starter = Running::start(&mut command);
    let pid = starter.pid();
    let said = starter.finish();
    assert_eq!(said.code, 0, "{said}");
    assert_ne!(puppet.ready(), pid);
    socket.set_nonblocking(true).expect("a socket of ours");
    assert!(socket.recv(&mut [0; 64]).is_err());
}

#[test]
fn the_variables_of_this_very_process_are_ours() {
    let home = Home::new();
    let (socket, address) = manager(&home);
    let mut puppet = Puppet::new(&home);
    let line = outlive_testkit::quoted(words(&puppet, &[]));
    let script: OsString = format!("SYSTEMD_EXEC_PID=$$ exec {line}").into();
    let mut command = home.command(["sh".into(), "-c".into(), script]);
    let running = Running::start(command.env("NOTIFY_SOCKET", &address));
    assert_eq!(puppet.ready(), running.pid());
    hear(&socket);
}

#[test]
fn a_socket_that_is_not_there_is_an_error() {
    let home = Home::new();
    let address = path(&home, "no-such-socket");
    let puppet = Puppet::new(&home);
    let said = Running::start(&mut service(&home, &puppet, &address, &[])).finish();
    assert_eq!(said.code, 1, "{said}");
    assert!(said.errors().contains(&address), "{said}");
    assert!(said.errors().contains("unset NOTIFY_SOCKET"), "{said}");
}

#[test]
fn without_a_manager_there_is_a_fork() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let said = run(&home, &puppet, &[]);
    assert_eq!(said.code, 0, "{said}");
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    let own = i32::try_from(std::process::id()).expect("a pid");
    assert_ne!(process::parent(daemon.pid()), Some(own));
}
