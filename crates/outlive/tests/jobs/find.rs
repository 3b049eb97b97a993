//! Finding jobs, and where they are.

use crate::home::{Home, Told, named};
use crate::support::{again, passes, this_test, told};
use outlive::{Error, JobOptions, Jobs, State, default_home};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn missed(home: &Home, key: &str) -> Error {
    let found = home.jobs.get(key).map(|job| job.id().to_owned());
    let error = found.expect_err("no job is called so");
    assert!(error.is_no_such_job(), "{}", told(&error));
    error
}

#[track_caller]
fn found(home: &Home, key: &str) -> String {
    home.jobs
        .get(key)
        .unwrap_or_else(|error| panic!("{}", told(&error)))
        .id()
        .to_owned()
}

pub(crate) fn a_job_is_found_by_what_it_is_called() {
    let home = Home::new();
    let training = home.ended("training", 0);
    let web = home.ended("web-server", 0);
    let nameless = home.ended("", 0);
    for (job, keys) in [
        (&training, vec!["training", "train", "t"]),
        (&web, vec!["web-server", "web", "w"]),
        (&nameless, vec![]),
    ] {
        for key in keys {
            assert_eq!(found(&home, key), job.id(), "{key}");
        }
        assert_eq!(found(&home, job.id()), job.id());
        // `sh-` and one more: as a rule enough, but two of them may begin alike.
        let others = [&training, &web, &nameless].map(|job| job.id()[..6].to_owned());
        let short = &job.id()[..6];
        if others.iter().filter(|other| *other == short).count() == 1 {
            assert_eq!(found(&home, short), job.id());
        }
    }
}

pub(crate) fn the_newest_of_a_name_is_meant() {
    let home = Home::new();
    let [first, second] = [1, 2].map(|code| home.ended("job", code));
    assert_eq!(
        (found(&home, "job"), found(&home, "jo")),
        (second.id().into(), second.id().into())
    );
    assert_eq!(found(&home, first.id()), first.id());
    let third = Told::start(&home, "", &named("job"));
    assert_eq!(found(&home, "job"), third.job.id());
    let id = third.job.id().to_owned();
    third.end(0);
    assert_eq!(found(&home, "job"), id);
    // Without the file that says so the records do.
    fs::remove_file(home.jobs.home().join("names/job")).expect("our own file");
    assert_eq!(found(&home, "job"), id);
    fs::write(home.jobs.home().join("names/job"), "../../x").expect("our own folder");
    assert_eq!(found(&home, "job"), id);
}

pub(crate) fn what_is_ambiguous_is_said() {
    let home = Home::new();
    let [one, two] = ["train-one", "train-two"].map(|name| home.ended(name, 0));
    let error = missed(&home, "train");
    assert_eq!(told(&error), "failed to find `train`: 2 jobs begin so");
    assert_eq!(error.near(), ["train-two", "train-one"]);
    // A whole name is not ambiguous because others begin with it.
    let exact = home.ended("train", 0);
    assert_eq!(found(&home, "train"), exact.id());
    assert_eq!(found(&home, "train-o"), one.id());
    assert_eq!(found(&home, "train-t"), two.id());
    assert_eq!(missed(&home, "sh-").near().len(), 3);
}

pub(crate) fn near_names_are_offered() {
    let home = Home::new();
    home.ended("training", 0);
    home.ended("web", 0);
    for (key, near) in [
        ("trainign", vec!["training"]),
        ("wep", vec!["web"]),
        ("quite else", vec![]),
    ] {
        let error = missed(&home, key);
        assert_eq!(error.near(), near, "{key}");
        assert_eq!(told(&error), format!("failed to find a job called `{key}`"));
        assert!(error.hint().expect("a hint").contains("outlive list"));
    }
}

pub(crate) fn strange_keys_find_nothing() {
    let home = Home::new();
    home.ended("job", 0);
    let long = "x".repeat(10_000);
    for key in [
        "../jobs", "/", ".", "..", "job/", "", "-", "a\nb", "\0", "ß", &long,
    ] {
        let error = missed(&home, key);
        assert!(told(&error).len() < 200, "{}", told(&error));
    }
}

pub(crate) fn the_list_is_in_order_and_whole() {
    let home = Home::new();
    let jobs: Vec<_> = (0..5).map(|code| home.ended("", code)).collect();
    let running = Told::start(&home, "", &named("running"));
    // What is there by mistake is passed over.
    fs::create_dir(home.jobs.home().join("jobs/Not an id")).expect("our own folder");
    fs::write(home.jobs.home().join("jobs/.hidden"), "").expect("our own folder");
    let list = home.jobs.list().expect("it can be listed");
    let mut expected: Vec<&str> = jobs.iter().map(outlive::Job::id).collect();
    expected.push(running.job.id());
    assert_eq!(list.iter().map(|it| &*it.id).collect::<Vec<_>>(), expected);
    for (status, code) in list.iter().zip(0..5) {
        assert_eq!(
            (status.state, status.exit_code),
            (State::Exited, Some(code))
        );
        assert!(status.pid.is_some() && status.ended_at.is_some());
    }
    let last = list.last().expect("six jobs");
    assert_eq!(
        (last.state, last.name.as_deref()),
        (State::Running, Some("running"))
    );
    assert!(last.keeper.alive && last.pid.is_some());
    running.end(0);
}

pub(crate) fn a_home_that_is_not_there_has_no_jobs() {
    let home = Home::new();
    assert!(home.jobs.list().expect("there is nothing").is_empty());
    assert!(
        home.jobs
            .get("x")
            .expect_err("there is nothing")
            .is_no_such_job()
    );
    assert!(home.jobs.prune(None).expect("there is nothing").is_empty());
    // To look does not make it.
    assert!(!home.jobs.home().exists());
    let relative = Jobs::at("some/folder").expect("this place can be told");
    let here = env::current_dir().expect("there is one");
    assert_eq!(relative.home(), here.join("some/folder"));
}

pub(crate) fn the_home_is_where_the_variables_say() {
    const PART: &str = "OUTLIVE_TEST_PART";
    if env::var_os(PART).is_some() {
        match default_home() {
            Ok(home) => {
                assert_eq!(Jobs::open().expect("it is known").home(), home);
                println!("\nhome {}", home.display());
            }
            Err(error) => {
                assert!(Jobs::open().expect_err("it is not known").is_invalid());
                println!(
                    "\nno home: {}; {}",
                    told(&error),
                    error.hint().unwrap_or_default()
                );
            }
        }
        return;
    }
    let name = this_test!();
    let here = env::current_dir().expect("there is one").join("relative");
    let here = here.display().to_string();
    let home = |path: &str| format!("\nhome {path}\n");
    let none = "\nno home: failed to find the state folder: HOME is not set; ".to_owned();
    for (variables, expected) in [
        (
            vec![
                ("OUTLIVE_HOME", "/a"),
                ("XDG_STATE_HOME", "/b"),
                ("HOME", "/c"),
            ],
            home("/a"),
        ),
        (
            vec![("XDG_STATE_HOME", "/b"), ("HOME", "/c")],
            home("/b/outlive"),
        ),
        (vec![("HOME", "/c")], home("/c/.local/state/outlive")),
        (
            vec![
                ("OUTLIVE_HOME", ""),
                ("XDG_STATE_HOME", "b"),
                ("HOME", "/c"),
            ],
            home("/c/.local/state/outlive"),
        ),
        (vec![("OUTLIVE_HOME", "relative")], home(&here)),
        (vec![("HOME", "c")], none.clone()),
        (vec![], none),
    ] {
        let mut command = again(name);
        for variable in ["OUTLIVE_HOME", "XDG_STATE_HOME", "HOME"] {
            command.env_remove(variable);
        }
        command.envs(variables.clone()).env(PART, "1");
        let said = passes(name, &mut command).stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(&expected), "{variables:?}: {said}");
    }
}

pub(crate) fn a_home_of_others_is_refused() {
    let home = Home::new();
    let path = home.jobs.home().to_owned();
    let refused = |home: &Home, text: &str| {
        let command = outlive::Command::new("true");
        let started = home
            .jobs
            .start(&command, &JobOptions::new())
            .map(|job| job.id().to_owned());
        let errors = [
            home.jobs.list().map(drop).expect_err("it is not fit"),
            home.jobs.get("x").map(drop).expect_err("it is not fit"),
            home.jobs.prune(None).map(drop).expect_err("it is not fit"),
            started.map(drop).expect_err("it is not fit"),
        ];
        for error in errors {
            let folder = format!("failed to open the state folder `{}`: ", path.display());
            assert!(told(&error).starts_with(&folder), "{}", told(&error));
            assert!(told(&error).contains(text), "{}", told(&error));
            assert!(error.hint().is_some(), "{}", told(&error));
        }
    };
    let set = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our own");
    fs::create_dir(&path).expect("our own folder");
    set(0o777);
    refused(&home, "others may write to it");
    // What others could only read is closed to them.
    set(0o755);
    assert!(home.jobs.list().expect("it is fit").is_empty());
    assert_eq!(
        fs::metadata(&path)
            .expect("our own folder")
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    if !outlive_testkit::is_root() {
        return outlive_testkit::skipped("a home of another user", "only root can give one away");
    }
    std::os::unix::fs::chown(&path, Some(65534), None).expect("root may");
    refused(&home, "it belongs to user 65534");
    std::os::unix::fs::chown(Path::new(&path), Some(0), None).expect("root may");
}
