//! The harness in the machine: plays cells, several at a time, and says what became of each.

use super::cell::Cell;
use super::fault::{Fault, Result};
use super::machine::Init;
use super::rows::Row;
use super::situation::Situation;
use super::verdict::{self, Verdict};
use super::world::{User, World};
use serde_json::json;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A cell to be played.
struct Order {
    situation: &'static Situation,
    row: &'static Row,
    user: User,
}

/// `INIT LANES CELL…`, a cell being `SITUATION/USER/ROW`.
pub(crate) fn inside(words: &[OsString]) -> Result<ExitCode> {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let [init, lanes, cells @ ..] = &*words else {
        return Err(Fault::new("wanted: INIT LANES CELL…"));
    };
    let init = Init::named(init).ok_or_else(|| Fault::new("no such kind of machine"))?;
    let lanes: usize = lanes
        .parse()
        .map_err(|_| Fault::new("no number of lanes"))?;
    let orders = cells
        .iter()
        .enumerate()
        .map(|(number, cell)| order(number, cell))
        .collect::<Result<Vec<_>>>()?;
    let plain: Vec<User> = orders.iter().map(|order| order.user.clone()).collect();
    let plain: Vec<User> = plain.into_iter().filter(|user| !user.is_root()).collect();
    let unlingering: Vec<String> = orders
        .iter()
        .filter(|order| order.situation.linger_refused())
        .map(|order| order.user.name.clone())
        .collect();
    let world = World::prepare(init, &plain, &unlingering)?;
    let next = AtomicUsize::new(0);
    let printing = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(order) = orders.get(number) else {
                        return;
                    };
                    let line = play(&world, number, order);
                    let _printing = printing.lock();
                    println!("{line}");
                }
            });
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn order(number: usize, cell: &str) -> Result<Order> {
    let parts: Vec<&str> = cell.split('/').collect();
    let wrong = || Fault::new(format!("no such cell: `{cell}`"));
    let [situation, user, row] = *parts else {
        return Err(wrong());
    };
    let user = match user {
        "root" => User::root(),
        _ => User::plain(number),
    };
    Ok(Order {
        situation: Situation::named(situation).ok_or_else(wrong)?,
        row: Row::named(row).ok_or_else(wrong)?,
        user,
    })
}

fn play(world: &World, number: usize, order: &Order) -> serde_json::Value {
    let Order {
        situation,
        row,
        user,
    } = order;
    let began = Instant::now();
    let played = catch_unwind(AssertUnwindSafe(|| {
        Cell::new(world, number, situation, user, row)?.play()
    }));
    let mut seen = None;
    let (verdict, note) = match played {
        Ok(Ok(found)) => {
            let judged = verdict::of(&found, situation, row.ours);
            seen = Some(found);
            judged
        }
        Ok(Err(fault)) => match fault.to_string().strip_prefix("SKIP: ") {
            Some(why) => (Verdict::Skipped, why.to_owned()),
            None => (Verdict::Broken, fault.to_string()),
        },
        Err(_) => (Verdict::Broken, "the harness panicked".to_owned()),
    };
    json!({
        "situation": situation.id,
        "user": if user.is_root() { "root" } else { "plain" },
        "row": row.name,
        "init": world.init.name(),
        "verdict": verdict.word(),
        "note": note,
        "seconds": (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        "errors": seen.as_ref().map(|seen| seen.errors.trim().to_owned()),
        "doctor": seen.as_ref().and_then(|seen| seen.doctor.clone()),
        "report": seen.as_ref().and_then(|seen| seen.report.clone()),
        "caller": seen.as_ref().and_then(|seen| seen.caller.clone()),
        "launch_seconds": seen.as_ref().map(|seen| seen.launch_seconds),
        "spawn_us": seen.as_ref().and_then(|seen| seen.spawn_us),
        "status": seen.as_ref().and_then(|seen| seen.status.clone()),
    })
}
