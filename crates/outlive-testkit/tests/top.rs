//! The picture of all jobs.

use outlive_testkit::{Home, Puppet, Terminal};

/// A terminal on which it is drawn, and what a person sees there.
struct Picture {
    terminal: Terminal,
    screen: vt100::Parser,
}

impl Picture {
    fn draw(home: &Home, words: &[&str]) -> Picture {
        let words = [&["top"], words].concat();
        let terminal = Terminal::sized(home, (80, 24), home.outlive_words(words));
        let screen = vt100::Parser::default();
        let mut picture = Picture { terminal, screen };
        picture.until("q quit");
        picture
    }

    /// Waits until `text` is seen; all that is seen then.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            let seen = self.screen.screen().contents();
            if seen.contains(text) {
                return seen;
            }
            let more = self.terminal.screen.more(&format!("{text:?} in {seen}"));
            self.screen.process(&more);
        }
    }

    fn presses(&mut self, keys: &str) {
        self.terminal.presses(keys);
    }

    /// Ends it by its key; the terminal is as one that nobody has changed.
    fn quits(mut self, home: &Home) {
        self.presses("q");
        self.ends(home, 0);
    }

    fn ends(mut self, home: &Home, code: i32) {
        self.terminal.screen.rest();
        assert_eq!(self.terminal.leader.end(), code);
        let mut untouched = Terminal::sized(home, (80, 24), ["true"]);
        untouched.leader.end();
        assert_eq!(self.terminal.modes(), untouched.modes());
    }
}

#[test]
fn jobs_come_and_go_as_it_happens() {
    let home = Home::new();
    let mut picture = Picture::draw(&home, &[]);
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "first-job"], &mut puppet);
    picture.until("first-job");
    let mut second = Puppet::new(&home);
    home.start(&["--name", "second-job"], &mut second);
    picture.until("second-job");
    puppet.exit(7);
    // What has changed is drawn, and no more than that.
    picture.until("exited");
    picture.quits(&home);
}

#[test]
fn a_job_is_stopped_once_that_was_confirmed() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let mut picture = Picture::draw(&home, &[]);
    picture.presses("s");
    picture.until("stop job?");
    picture.presses("n");
    picture.until("select");
    assert_eq!(home.show("job")["state"], "running");
    picture.presses("s");
    picture.until("stop job?");
    picture.presses("y");
    picture.until("job was stopped");
    puppet.is_gone();
    picture.quits(&home);
}

#[test]
fn a_job_that_is_removed_leaves_its_place_to_the_next() {
    let home = Home::new();
    let mut puppets = [(); 3].map(|()| Puppet::new(&home));
    for (puppet, name) in puppets.iter_mut().zip(["oldest", "middle", "newest"]) {
        home.start(&["--name", name], puppet);
    }
    let mut picture = Picture::draw(&home, &[]);
    picture.until("oldest");
    picture.presses("j");
    let [_, middle, _] = &mut puppets;
    middle.exit(0);
    assert_eq!(home.call(["wait", "middle"]).code, 0);
    // What has ended comes last.
    picture.until("exited");
    home.ok(["rm", "middle"]);
    picture.until("2 jobs");
    picture.presses("s");
    picture.until("stop oldest?");
    picture.presses("n");
    picture.quits(&home);
}

#[test]
fn its_output_is_shown_in_the_place_of_the_picture() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    // Of these the picture shows the last one alone.
    let first = puppet.beat();
    puppet.beat();
    let mut picture = Picture::draw(&home, &[]);
    picture.presses("l");
    picture.until(&first);
    let line = puppet.beat();
    picture.until(&line);
    // Ctrl-C ends the showing, and neither the picture nor the job.
    picture.presses("\x03");
    picture.until("q quit");
    assert_eq!(home.show("job")["state"], "running");
    picture.quits(&home);
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let home = Home::new();
    let mut puppets = [Puppet::new(&home), Puppet::new(&home)];
    for (puppet, name) in puppets.iter_mut().zip(["wanted", "other"]) {
        home.start(&["--name", name], puppet);
    }
    let mut picture = Picture::draw(&home, &["want"]);
    let seen = picture.until("wanted");
    assert!(!seen.contains("other"), "{seen:?}");
    // All of them again.
    picture.presses("\x1b");
    picture.until("other");
    picture.quits(&home);
}

#[test]
fn the_terminal_is_set_back_when_it_is_asked_to_end() {
    let home = Home::new();
    let picture = Picture::draw(&home, &[]);
    let top = picture.terminal.leader.pid();
    let processes = outlive_testkit::process::pids().into_iter();
    let of_top = processes.filter(|pid| outlive_testkit::process::parent(*pid) == Some(top));
    let own = of_top.chain([top]).find(|pid| {
        let words = outlive_testkit::process::describe(*pid);
        words.contains("outlive top") && !words.contains("puppet")
    });
    let process = own.and_then(outlive_testkit::Pidfd::of).expect("it runs");
    process.signal(rustix::process::Signal::TERM);
    picture.ends(&home, 128 + 15);
}

#[test]
fn a_pipe_gets_a_table_that_nothing_can_act_on() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("say \u{1b}[31mred\u{1b}]0;title\u{7}");
    let table = home.ok(["top", "--once"]);
    let columns: Vec<&str> = table.split('\t').collect();
    assert_eq!(
        (columns.len(), columns[1], columns[2]),
        (7, "job", "running"),
        "{table:?}"
    );
    assert_eq!(columns[6], r"\x1b[31mred\x1b]0;title\x07");
    assert!(
        columns[5].parse::<u64>().is_ok_and(|bytes| bytes > 0),
        "{table:?}"
    );
    let said = home.call(["top"]);
    assert_eq!(said.code, 125, "{said}");
    assert!(said.errors().contains("top --once"), "{said}");
}
