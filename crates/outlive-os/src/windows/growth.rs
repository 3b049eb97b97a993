//! Following a file as it grows: news of the folder that it is in.

use super::notification::Notification;
use super::overlapped::Until;
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle};
use std::path::Path;
use std::time::Duration;

/// How late the news may come at most, if it may come late: "the operating system detects a change
/// in file size only when the file is written to the disk" (FindFirstChangeNotificationW), so a
/// reader looks as often as this, too.
pub const LATE: Option<Duration> = Some(Duration::from_millis(250));

/// A watch on one file.
#[derive(Debug)]
pub struct Watch(Notification);

impl Watch {
    /// Watches a file for being written to or cut short. What is done to others in its folder is
    /// told, too.
    pub fn new(path: &Path) -> io::Result<Watch> {
        let path = std::path::absolute(path)?;
        path.metadata()?;
        let folder = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        let news = Notification::of(folder, Until::Reset)?;
        news.arm()?;
        Ok(Watch(news))
    }

    /// Forgets what was reported so far.
    pub fn clear(&self) -> io::Result<()> {
        self.0.arm()
    }
}

impl AsHandle for Watch {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}
