use super::{Connection, Deadline, bus};
use crate::failure::Cause;
use crate::peer::{asked, connect};
use crate::wire::Writer;
use crate::wire::tests::Sent;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Longer than any test takes: where it should not run out.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

fn failure<T: std::fmt::Debug>(result: Result<T, Cause>) -> crate::Failure {
    result.unwrap_err().because("failed to ask")
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.receive();
        let mut body = Writer::default();
        body.text("the answer");
        let answer = Sent {
            kind: 2,
            reply_to: 1,
            signature: "s",
            body,
            ..Sent::default()
        };
        // An answer to something else comes first.
        let stray = Sent {
            kind: 2,
            reply_to: 77,
            ..Sent::default()
        };
        peer.send(&stray.encode());
        peer.dribble(&answer.encode());
    });
    let answer = it.connection.call(bus("Get", "", Writer::default()), None);
    let answer = answer.unwrap();
    assert_eq!(answer.body("s").unwrap().text(), Ok("the answer"));
    peer.join().unwrap();
}

#[test]
fn errors_are_told_apart() {
    let cases = [
        ("org.freedesktop.DBus.Error.AccessDenied", (false, true)),
        (
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
            (false, true),
        ),
        ("org.freedesktop.DBus.Error.ServiceUnknown", (true, false)),
        (
            "org.freedesktop.DBus.Error.Spawn.ChildExited",
            (true, false),
        ),
        ("org.freedesktop.systemd1.UnitExists", (false, false)),
    ];
    for (name, expected) in cases {
        let (mut it, peer) = asked(LONG, move |mut peer| {
            let mut body = Writer::default();
            body.text("for a reason");
            let error = Sent {
                kind: 3,
                error: name,
                signature: "s",
                body,
                ..Sent::default()
            };
            peer.answer("Get", error);
        });
        let answer = it.connection.call(bus("Get", "", Writer::default()), None);
        let failure = failure(answer);
        assert_eq!((failure.is_not_there(), failure.is_refused()), expected);
        assert!(!failure.is_timed_out());
        assert!(failure.to_string().contains("for a reason"), "{failure}");
        peer.join().unwrap();
    }
}

#[test]
fn silence_ends_by_the_deadline() {
    let (connection, peer) = connect(SHORT, |mut peer| drop(peer.rest()));
    assert!(failure(connection).is_timed_out());
    peer.join().unwrap();
    let (mut it, peer) = asked(LONG, |mut peer| drop(peer.rest()));
    it.connection.deadline = Deadline::after(SHORT);
    let failure = failure(it.connection.call(bus("Get", "", Writer::default()), None));
    assert!(failure.is_timed_out());
    assert_eq!(failure.to_string(), "failed to ask: no answer within 20ms");
    drop(it);
    peer.join().unwrap();
}

#[test]
fn signals_without_end_are_not_collected_without_end() {
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.receive();
        let signal = Sent {
            kind: 4,
            name: ("org.example", "Tick"),
            ..Sent::default()
        };
        for _ in 0..=super::SIGNALS {
            peer.send(&signal.encode());
        }
    });
    let failure = failure(it.connection.call(bus("Get", "", Writer::default()), None));
    assert_eq!(
        failure.to_string(),
        "failed to ask: signals come instead of an answer"
    );
    peer.join().unwrap();
}

#[test]
fn whatever_is_no_manager_is_a_failure() {
    let greetings: [(&[u8], &str); 5] = [
        (b"REJECTED EXTERNAL\r\n", "permission denied"),
        (b"ERROR\r\n", "no descriptors"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not D-Bus"),
        (&[7; 5000], "not D-Bus"),
        (b"", "closed the connection"),
    ];
    for (greeting, expected) in greetings {
        let (connection, peer) = connect(LONG, move |mut peer| {
            // One that is gone before it was spoken to has only closed the connection.
            peer.hear();
            peer.send(greeting);
        });
        let failure = failure(connection).to_string();
        assert!(failure.contains(expected), "{failure}");
        peer.join().unwrap();
    }
    let (mut it, peer) = asked(LONG, |mut peer| {
        peer.receive();
        peer.send(&[b'x'; 64]);
    });
    let answer = it.connection.call(bus("Get", "", Writer::default()), None);
    let failure = failure(answer).to_string();
    assert!(
        failure.ends_with("something that is not D-Bus"),
        "{failure}"
    );
    peer.join().unwrap();
}

#[test]
fn a_socket_that_nobody_listens_on_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private");
    let absent = Connection::open(&path, Deadline::after(LONG));
    assert!(failure(absent).is_not_there());
    drop(UnixListener::bind(&path).unwrap());
    let dead = Connection::open(&path, Deadline::after(LONG));
    assert!(failure(dead).is_not_there());
}
