//! A real ssh to a real sshd on loopback: K4, K4t, and surprise 1 over ssh.

use outlive_testkit::{Home, Puppet, Sshd};

#[test]
fn k4_ssh_returns_at_once_and_the_job_lives() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "K4") else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    // ssh ends only when nobody holds the session's pipes any more.
    let said = sshd.call(&[], &home.shell_line(puppet.run_words(&["--name", "job"])));
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    puppet.ready();
    home.survives("job", &mut puppet);
}

#[test]
fn k4_the_job_is_seen_and_waited_for_over_ssh() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "K4, from another login") else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    let job = sshd
        .call(&[], &home.shell_line(puppet.run_words(&[])))
        .text();
    puppet.ready();
    let line = puppet.beat();
    assert_eq!(
        sshd.call(&[], &home.shell_line(["logs", &job])).text(),
        line
    );
    puppet.exit(7);
    assert_eq!(sshd.call(&[], &home.shell_line(["wait", &job])).code, 7);
}

#[test]
fn k4t_the_remote_terminal_goes() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "K4t") else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    let line = home.shell_line(puppet.run_words(&["--name", "job"]));
    let said = sshd.call(&["-tt"], &format!("{line}; echo the shell goes on"));
    assert!(
        said.code == 0 && said.text().ends_with("the shell goes on"),
        "{said}"
    );
    puppet.ready();
    home.survives("job", &mut puppet);
}

#[test]
fn surprise_1_exit_at_once_20_of_20() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "surprise 1 over ssh") else {
        return;
    };
    for round in 0..20 {
        let mut puppet = Puppet::new(&home);
        let job = format!("job-{round}");
        let said = sshd.call(
            &["-tt"],
            &home.shell_line(puppet.run_words(&["--name", &job])),
        );
        assert_eq!(said.code, 0, "{said}");
        puppet.ready();
        let line = puppet.beat();
        puppet.exit(round);
        assert_eq!(home.call(["wait", &job]).code, round, "{job}");
        assert_eq!(home.logs(&job).trim(), line);
    }
}
