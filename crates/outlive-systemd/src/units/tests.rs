use super::{Service, Value, finish, finish_or_stop, object_of, queue, start};
use crate::connection::{Deadline, Result};
use crate::failure::Cause;
use crate::manager::{Asked, MANAGER};
use crate::peer::asked;
use crate::units::Program;
use crate::wire::Kind;
use crate::wire::Writer;
use crate::wire::tests::Sent;
use outlive_os::socket;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const NAME: &str = "outlive-x.service";
const JOB: &str = "/org/freedesktop/systemd1/job/4";

fn run(asked: &mut Asked, properties: &[(&str, Value<'_>)]) -> Result<()> {
    let queued = queue(asked, NAME, properties, None)?;
    finish(asked, NAME, &queued)
}

fn queued() -> Sent<'static> {
    let mut body = Writer::default();
    body.text(JOB);
    Sent {
        kind: 2,
        sender: ":1.5",
        signature: "o",
        body,
        ..Sent::default()
    }
}

fn removed(job: &str, result: &str) -> Sent<'static> {
    let mut body = Writer::default();
    body.number(4).text(job).text(NAME).text(result);
    Sent {
        kind: 4,
        name: (MANAGER, "JobRemoved"),
        sender: ":1.5",
        signature: "uoss",
        body,
        ..Sent::default()
    }
}

fn text(result: Result<()>) -> String {
    result.unwrap_err().because("failed").to_string()
}

#[test]
fn objects_are_named_as_systemd_names_them() {
    let path = "/org/freedesktop/systemd1/unit/outlive_2da_5f9_2eservice";
    assert_eq!(object_of("outlive-a_9.service"), path);
    assert!(object_of("9.scope").ends_with("/_39_2escope"));
}

#[test]
fn a_job_that_is_done_is_a_start() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.answer("StartTransientUnit", queued());
        peer.send(&removed("/org/freedesktop/systemd1/job/3", "failed").encode());
        peer.send(&removed(JOB, "done").encode());
    });
    let properties = [("Type", Value::Text("exec"))];
    assert!(run(&mut it, &properties).is_ok());
    peer.join().unwrap();
}

#[test]
fn a_job_may_be_over_before_the_answer() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        let call = peer.receive();
        assert_eq!(call.kind, Kind::Call);
        peer.send(&removed(JOB, "done").encode());
        let mut answer = queued();
        answer.reply_to = 1;
        peer.send(&answer.encode());
    });
    assert!(run(&mut it, &[]).is_ok());
    peer.join().unwrap();
}

#[test]
fn what_did_not_start_says_why() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.answer("StartTransientUnit", queued());
        for (unit, status) in [("other.service", 209_u32), (NAME, 203)] {
            let mut body = Writer::default();
            body.text("org.freedesktop.systemd1.Service")
                .array(8, |it| {
                    it.align(8)
                        .text("Result")
                        .variant(&Value::Text("exit-code"));
                    it.align(8).text("ExecMainStatus");
                    it.integer_variant(status);
                });
            let changed = Sent {
                kind: 4,
                path: &object_of(unit),
                name: ("org.freedesktop.DBus.Properties", "PropertiesChanged"),
                signature: "sa{sv}",
                body,
                ..Sent::default()
            };
            peer.send(&changed.encode());
        }
        peer.send(&removed(JOB, "failed").encode());
    });
    let expected = "failed: it can't execute the program (203/EXEC)";
    assert_eq!(text(run(&mut it, &[])), expected);
    peer.join().unwrap();
}

#[test]
fn a_job_that_was_cancelled_is_no_start() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.answer("StartTransientUnit", queued());
        peer.send(&removed(JOB, "canceled").encode());
    });
    let expected = "failed: it was not started (its job: canceled)";
    assert_eq!(text(run(&mut it, &[])), expected);
    peer.join().unwrap();
}

/// Anyone may send a signal to anyone over a bus.
#[test]
fn signals_of_others_on_the_bus_are_not_believed() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        let matched = Sent {
            kind: 2,
            ..Sent::default()
        };
        peer.answer("AddMatch", matched);
        let mut answer = queued();
        answer.reply_to = 2;
        peer.answer("StartTransientUnit", answer);
        let mut forged = removed(JOB, "done");
        forged.sender = ":1.666";
        peer.send(&forged.encode());
        peer.send(&removed(JOB, "timeout").encode());
    });
    it.by_bus = Some(":1.7".to_owned());
    let expected = "failed: it was not started (its job: timeout)";
    assert_eq!(text(run(&mut it, &[])), expected);
    peer.join().unwrap();
}

fn service(standard_input: BorrowedFd<'_>) -> Service<'_> {
    Service {
        name: NAME,
        description: "a test",
        program: Program::Path(Path::new("/bin/true")),
        arguments: &["true"],
        environment: &[],
        standard_input,
    }
}

#[test]
fn a_service_that_is_late_is_stopped_again() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.answer("StartTransientUnit", queued());
        assert_eq!(peer.receive().member.as_deref(), Some("StopUnit"));
        assert!(peer.rest().is_empty());
    });
    let accepted = queue(&mut it, NAME, &[], None).unwrap();
    it.connection.deadline = Deadline::after(Duration::ZERO);
    let started = finish_or_stop(&mut it, NAME, &accepted);
    assert!(matches!(started, Err(Cause::TimedOut(_))));
    drop(it);
    peer.join().unwrap();
}

/// The name is another service's then.
#[test]
fn what_was_not_accepted_is_not_stopped() {
    let (ours, theirs) = socket::pair().unwrap();
    let (mut it, peer) = asked(LONG, |mut peer| {
        let (bytes, descriptor) = peer.receive_descriptor();
        let descriptor = socket::Connection::from_descriptor(descriptor.unwrap());
        descriptor.send(b"from the service", None).unwrap();
        let request = String::from_utf8_lossy(&bytes).into_owned();
        assert!(request.contains("StandardInputFileDescriptor"));
        let taken = Sent {
            kind: 3,
            reply_to: 1,
            error: "org.freedesktop.systemd1.UnitExists",
            ..Sent::default()
        };
        peer.send(&taken.encode());
        assert!(peer.rest().is_empty());
    });
    let started = start(&mut it, &service(theirs.as_fd()), Path::new("/bin/true"));
    assert!(
        started
            .unwrap_err()
            .is("org.freedesktop.systemd1.UnitExists")
    );
    drop(it);
    peer.join().unwrap();
    assert_eq!(ours.receive(100).unwrap().0, b"from the service");
}

#[test]
fn what_no_message_can_hold_is_not_sent() {
    let (_ours, theirs) = socket::pair().unwrap();
    let (mut it, peer) = asked(LONG, |mut peer| assert!(peer.rest().is_empty()));
    let long = "x".repeat(1 << 20);
    for (program, argument) in [("relative", "a"), ("/a\0b", "a"), ("/bin/true", &*long)] {
        let service = Service {
            arguments: &[argument],
            ..service(theirs.as_fd())
        };
        assert!(matches!(
            start(&mut it, &service, Path::new(program)),
            Err(Cause::Failed(_))
        ));
    }
    drop(it);
    peer.join().unwrap();
}
