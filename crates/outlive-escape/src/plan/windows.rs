//! What takes another form on Windows.

use super::words::OFF;
use super::{Breakaway, Case, Kernel, Route, Via, Way, Words};
use outlive_record::Hazard;

impl Case<'_> {
    /// What is said of a hazard on Windows, where that is not what is said elsewhere.
    pub(super) fn on_windows(&self, hazard: Hazard, route: &Route) -> Option<Words> {
        if self.survey.kernel != Kernel::Windows {
            return None;
        }
        match hazard {
            Hazard::Terminal => Some(self.console()),
            // Ctrl-C goes to all of a console, and a log-off ends all of a session: there are no
            // others to be ended by.
            Hazard::ProcessGroup | Hazard::Session => Some(Words::absent("")),
            Hazard::LogOut => Some(self.log_off(route.way)),
            Hazard::Limits => Some(self.job_limits(route)),
            _ => None,
        }
    }

    /// CTRL_CLOSE_EVENT goes to all that is attached to a console, and they are ended after it
    /// ("HandlerRoutine callback function").
    fn console(&self) -> Words {
        let detail = "Ctrl-C in this console, or closing it, ends all that is attached to it";
        match (self.survey.console, self.wish.detach) {
            (false, _) => Words::absent(""),
            (true, true) => Words::left(detail, "it has a console of its own, without a window"),
            (true, false) => Words::kept(detail, "kept, since it is not detached"),
        }
    }

    /// A log-off ends the processes of its session ("Logging Off"); services are in session 0. It is
    /// kept where it is not left, and no danger: as with a shutdown, whoever does it knows that it
    /// ends all that they run, and nearly every caller has that around it.
    fn log_off(&self, way: Way) -> Words {
        let session = self.survey.process.session;
        if session == 0 {
            return Words::absent("session 0 is the services', and has no log-off");
        }
        let detail = format!("a log-off ends all that is in session {session}");
        match way {
            Way::Service => Words::left(detail, "a service is in session 0"),
            Way::Task => Words::left(detail, "its task is in session 0"),
            _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            _ => {
                let how = "kept, since only a service or a task outlives it";
                let how = match self.wish.via {
                    Some(Via::Service | Via::Task) => self.said_of_via(how),
                    _ => how.to_owned(),
                };
                let mut words = Words::kept(detail, how);
                words.hint = self.other_ways(&[Via::Service, Via::Task]);
                words
            }
        }
    }
}
