//! `outlive top`.

mod draw;
mod picture;

use crate::cli::examples;
use crate::follow;
use crate::output;
use crate::report::{self, Result};
use crate::table;
use crate::text;
use outlive::{Event, Jobs, RestartOptions};
use outlive_os::signal;
use picture::{Asked, Deed, Picture};
use ratatui::DefaultTerminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::enable_raw_mode;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive top
  outlive top web     only what has `web` in its name or command
  outlive top --once | sort -t$'\\t' -k6 -rn   by memory"
))]
pub(crate) struct Args {
    /// Only jobs with this in their name, id or command
    #[arg(value_name = "TEXT")]
    filter: Option<String>,

    /// Print the picture once, in a pipe with tabs between the columns: id, name, state, age in
    /// seconds, processor time in seconds, memory in bytes, last line of output
    #[arg(long)]
    once: bool,
}

/// How often what jobs use is looked at.
const PAUSE: Duration = Duration::from_secs(2);
/// What looking may take, as a part of the time: it is done less often where it takes longer.
const SHARE: u32 = 100;

/// What the picture can change by.
enum News {
    Key(KeyEvent),
    /// The terminal has another size, or has lost the picture.
    Resized,
    Job(Box<Event>),
    /// Something that was asked for is done, or failed.
    Said(String),
    Failed(report::Failure),
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = Jobs::open()?;
    let filter = args.filter.as_deref().unwrap_or_default();
    if args.once {
        return once(&jobs, filter);
    }
    if !(io::stdin().is_terminal() && output::is_terminal()) {
        let failure = report::Failure::new("failed to draw a picture: this is no terminal");
        return Err(failure.hint("outlive top --once, or outlive list"));
    }
    let (tell, news) = mpsc::channel();
    // Ctrl-C is a key while the picture is there, and is for the command that is shown instead.
    follow::on_signals(|signal| {
        if signal == signal::INTERRUPT {
            return ControlFlow::Continue(());
        }
        leave_screen();
        ControlFlow::Break(())
    })?;
    // Before the jobs are looked at: nothing is missed in between.
    watch(&jobs, &tell)?;
    let mut top = Top {
        picture: Picture::new(jobs, filter)?,
        tell,
        pause: PAUSE,
    };
    let failed = |error: io::Error| report::io_failure("failed to draw", &error);
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let done = top.run(&mut terminal, &news);
    leave_screen();
    done.map(|()| 0)
}

/// Gives the terminal back. `ratatui::restore` leaves the cursor hidden, and panics where the terminal
/// is gone and standard error with it.
fn leave_screen() {
    let _ = ratatui::try_restore();
    let _ = execute!(io::stdout(), Show);
}

/// The table, for whoever can't look at a picture.
fn once(jobs: &Jobs, filter: &str) -> Result<i32> {
    let picture = Picture::new(jobs.clone(), filter)?;
    if output::is_terminal() {
        let (columns, rows) = picture.table();
        output::write_styled(&table::render(&columns, &rows, output::width()))?;
    } else {
        output::write(|out| picture.lines(out))?;
    }
    Ok(0)
}

/// Tells of what happens to jobs.
fn watch(jobs: &Jobs, tell: &Sender<News>) -> Result<()> {
    let events = jobs.events()?;
    let tell = tell.clone();
    thread::spawn(move || {
        for event in events {
            let news = match event {
                Ok(event) => News::Job(Box::new(event)),
                Err(error) => News::Failed(error.into()),
            };
            if tell.send(news).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Tells of keys. Each waits for leave to read on: until then the terminal may be somebody else's.
fn read_keys(tell: Sender<News>) -> SyncSender<()> {
    let (allow, allowed) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for () in allowed {
            let news = loop {
                match event::read() {
                    Ok(event::Event::Key(key)) if key.kind == KeyEventKind::Press => {
                        break News::Key(key);
                    }
                    Ok(event::Event::Resize(..)) => break News::Resized,
                    Ok(_) => {}
                    Err(error) => {
                        break News::Failed(report::io_failure("failed to read keys", &error));
                    }
                }
            };
            if tell.send(news).is_err() {
                return;
            }
        }
    });
    allow
}

struct Top {
    picture: Picture,
    tell: Sender<News>,
    pause: Duration,
}

impl Top {
    fn run(&mut self, terminal: &mut DefaultTerminal, news: &Receiver<News>) -> Result<()> {
        let allow = read_keys(self.tell.clone());
        let _ = allow.send(());
        let mut sample_at = Instant::now() + self.pause;
        loop {
            let failed = |error: io::Error| report::io_failure("failed to draw", &error);
            terminal
                .draw(|frame| draw::draw(frame, &mut self.picture))
                .map_err(failed)?;
            match news.recv_timeout(sample_at.saturating_duration_since(Instant::now())) {
                Ok(News::Key(key)) => {
                    if self.key(key, terminal)?.is_break() {
                        return Ok(());
                    }
                    let _ = allow.send(());
                }
                Ok(News::Resized) => drop(allow.send(())),
                Ok(News::Job(event)) => self.picture.happened(*event),
                Ok(News::Said(what)) => self.picture.say(what),
                Ok(News::Failed(failure)) => return Err(failure),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let start = Instant::now();
                    self.picture.sample()?;
                    self.pause = PAUSE.max(start.elapsed() * SHARE);
                    sample_at = Instant::now() + self.pause;
                }
            }
        }
    }
}

impl Top {
    /// Does what a key means; whether that is the end.
    fn key(&mut self, key: KeyEvent, terminal: &mut DefaultTerminal) -> Result<ControlFlow<()>> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let picture = &mut self.picture;
        picture.say(String::new());
        if control && key.code == KeyCode::Char('c') {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(asked) = picture.asked.take() {
            if matches!(key.code, KeyCode::Char('y' | 'Y') | KeyCode::Enter) {
                self.act(&asked);
            }
            return Ok(ControlFlow::Continue(()));
        }
        if picture.typing {
            match key.code {
                KeyCode::Enter => picture.typing = false,
                KeyCode::Esc => picture.set_filter(String::new()),
                KeyCode::Backspace => {
                    picture.filter_mut().pop();
                }
                KeyCode::Char(typed) if !control => picture.filter_mut().push(typed),
                _ => {}
            }
            return Ok(ControlFlow::Continue(()));
        }
        match key.code {
            KeyCode::Char('q') => return Ok(ControlFlow::Break(())),
            KeyCode::Esc => picture.set_filter(String::new()),
            KeyCode::Up | KeyCode::Char('k') => picture.move_by(-1),
            KeyCode::Down | KeyCode::Char('j') => picture.move_by(1),
            KeyCode::PageUp => picture.move_by(-10),
            KeyCode::PageDown => picture.move_by(10),
            KeyCode::Home => picture.move_by(isize::MIN),
            KeyCode::End => picture.move_by(isize::MAX),
            KeyCode::Char('/') => picture.typing = true,
            KeyCode::Char('s') => picture.ask(Deed::Stop),
            KeyCode::Char('r') => picture.ask(Deed::Restart),
            KeyCode::Char('l') | KeyCode::Enter => {
                if let Some(id) = picture.selected().map(|row| row.status.id.clone()) {
                    show_instead(terminal, &["logs", "--follow", "--lines", "200", &id])?;
                }
            }
            KeyCode::Char('a') => match picture.selected() {
                Some(row) if row.status.terminal.is_some() => {
                    let id = row.status.id.clone();
                    show_instead(terminal, &["attach", &id])?;
                }
                Some(_) => picture.say("it has no terminal of its own (run --tty)".to_owned()),
                None => {}
            },
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does to a job what was asked for. It may take a while, and the picture goes on meanwhile.
    fn act(&mut self, asked: &Asked) {
        let (deed, label) = (asked.deed, asked.label.clone());
        let job = match self.picture.jobs().get(&asked.id) {
            Ok(job) => job,
            Err(error) => {
                return self
                    .picture
                    .say(text::plain(&error.to_string()).into_owned());
            }
        };
        self.picture.say(format!("{} {label} …", deed.doing()));
        let tell = self.tell.clone();
        thread::spawn(move || {
            let done = match deed {
                Deed::Stop => job.stop(None).map(drop),
                Deed::Restart => job.restart(&RestartOptions::new()).map(drop),
            };
            let said = match done {
                Ok(()) => format!("{label} was {}", deed.done()),
                Err(error) => text::plain(&error.to_string()).into_owned(),
            };
            tell.send(News::Said(said))
        });
    }
}

/// Has another command of outlive show something in the picture's place, until it ends.
fn show_instead(terminal: &mut DefaultTerminal, words: &[&str]) -> Result<()> {
    let failed = |error: io::Error| report::io_failure("failed to show something else", &error);
    leave_screen();
    let program = std::env::current_exe().map_err(failed)?;
    let ended = Command::new(program).args(words).status().map_err(failed)?;
    // Whoever ended it has seen enough.
    if ended.code() != Some(128 + signal::INTERRUPT) {
        write!(io::stderr(), "(any key: back to all jobs) ").map_err(failed)?;
        enable_raw_mode().map_err(failed)?;
        while !matches!(event::read().map_err(failed)?, event::Event::Key(_)) {}
    }
    *terminal = ratatui::try_init().map_err(failed)?;
    Ok(())
}
