//! A job's lock file: who keeps the job, and what the job's main process is.

use crate::store::{LOCK, rewrite};
use outlive_os::folder::Folder;
use outlive_os::{AsDescriptor, lock, proc};
use outlive_record::ProcessLine;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

/// The keeper and the main process, as far as they have written themselves down.
type Lines = (Option<ProcessLine>, Option<ProcessLine>);

/// The lines of a lock file: the keeper's, the main process's. One that is cut short is none.
pub fn lock_lines(text: &[u8]) -> Lines {
    let (keeper, rest) = first_line(text);
    (keeper, first_line(rest).0)
}

/// The main process's line among those of a lock file, as it is.
fn main_line(text: &[u8]) -> &[u8] {
    let (_, lines) = first_line(text);
    let (_, rest) = first_line(lines);
    &lines[..lines.len() - rest.len()]
}

/// The process that a text begins with, and what follows its line.
fn first_line(text: &[u8]) -> (Option<ProcessLine>, &[u8]) {
    // A program's name may contain newlines, so lines end where the next number starts: the kernel
    // ends each with a newline, and only what follows a last `)` counts.
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (end, _) in ends {
        let (line, rest) = text.split_at(end + 1);
        if let Some(process) = ProcessLine::parse(line) {
            return (Some(process), rest);
        }
    }
    (None, &[])
}

/// Whether a lock is held, and its file's lines.
pub(crate) fn read(mut file: &File) -> (bool, Lines) {
    let is_held = || lock::is_held(file.as_fd()).unwrap_or(false);
    let mut kept = is_held();
    loop {
        let mut lines = Vec::with_capacity(1024);
        // What can't be read is not there.
        let _ = file.rewind().and_then(|()| file.read_to_end(&mut lines));
        // Who has taken it meanwhile has written, too.
        match kept || !is_held() {
            true => return (kept, lock_lines(&lines)),
            false => kept = true,
        }
    }
}

/// Writes the line of the process that has just taken the lock as the lock file's first.
pub(crate) fn write_keeper_line(lock: &File) -> io::Result<()> {
    rewrite(lock, &proc::own_line()?)
}

/// Leaves the keeper's own line alone in the lock file, before another run's main process writes its
/// own behind it. The line is written over itself, so that no room on the disk is given up meanwhile.
pub(crate) fn forget_main_line(mut lock: &File) -> io::Result<()> {
    let own = proc::own_line()?;
    lock.rewind()?;
    lock.write_all(&own)?;
    lock.set_len(own.len() as u64)
}

/// Writes the line of the process that has just taken the lock in place of the one that held it, and
/// keeps the main process's. It is one write within a page: whoever is killed in it has left the old
/// lines or the new ones. What is left behind them of longer ones is no third process's line to
/// anybody.
pub(crate) fn replace_keeper_line(mut lock: &File, lines: &[u8]) -> io::Result<()> {
    let mut new = proc::own_line()?;
    new.extend_from_slice(main_line(lines));
    lock.rewind()?;
    lock.write_all(&new)
}

/// Waits until nobody is about to adopt the job in this folder.
pub fn wait_for_adoption(folder: &Folder) -> io::Result<()> {
    // Opened for reading first, since nothing is to be made here.
    folder.file(LOCK)?;
    let file = folder.edit(LOCK)?;
    lock::turn(file.as_fd()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: i32, name: &str) -> String {
        format!(
            "{pid} ({name}) S 1 {pid} {pid} 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 {} 1 2\n",
            pid * 10
        )
    }

    #[test]
    fn lock_files_are_read_whatever_the_programs_are_called() {
        let pids = |text: &str| {
            let (keeper, main) = lock_lines(text.as_bytes());
            (keeper.map(|it| it.pid), main.map(|it| it.pid))
        };
        assert_eq!(pids(""), (None, None));
        assert_eq!(pids(&line(7, "a")), (Some(7), None));
        assert_eq!(
            pids(&(line(7, "a") + &line(8, "b\nc) 9"))),
            (Some(7), Some(8))
        );
        let cut = line(7, "a") + line(8, "b").trim_end();
        assert_eq!(pids(&cut), (Some(7), None));
    }

    #[test]
    fn the_main_processs_line_is_kept_as_it_is() {
        let main = line(8, "b\nc) 9");
        let text = line(7, "a") + &main;
        assert_eq!(main_line(text.as_bytes()), main.as_bytes());
        // What is left of longer lines that were written over.
        let text = text + "5 6 7\n";
        assert_eq!(main_line(text.as_bytes()), main.as_bytes());
        assert_eq!(main_line(line(7, "a").as_bytes()), b"");
    }
}
