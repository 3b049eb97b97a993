//! Library spawn and wait of a tiny program (static, no libc, one page) in a new session, from a
//! small parent and from one with 2 GiB touched.

mod helper;
mod ours;
mod rivals;

use std::io;
use std::path::Path;

use crate::Options;
use crate::error::Result;
use crate::sample::{Series, interleave};
use crate::table::Table;
use helper::Helper;
pub(crate) use helper::{ROLE, main as helper};

const OURS: &str = "outlive Command";
const RAW: &str = "raw vfork + setsid + exec";

type Spawn = fn(&Path) -> io::Result<bool>;

const KINDS: &[(&str, Spawn)] = &[
    (OURS, ours::spawn_and_wait),
    (RAW, rivals::raw),
    ("std, no new session", rivals::std_alone),
    ("std + pre_exec(setsid)", rivals::std_pre_exec),
    ("process-wrap session", rivals::process_wrap_session),
    ("subprocess + pre_exec(setsid)", rivals::subprocess_crate),
];

/// What a spawn costs there differs by a factor of a thousand between the kinds.
const BIG_PARENT_BATCHES: &[(&str, u32)] = &[(OURS, 20), (RAW, 20), ("std, no new session", 20)];

const BIG: usize = 2048;

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let rounds = if options.quick { 15 } else { 61 };
    let mut small = Helper::start(0)?;
    for (kind, _) in KINDS {
        small.measure(kind, 20)?;
    }
    let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
    let alone = interleave(rounds, &names, |kind| small.measure(kind, 40))?;
    show("spawn + wait, small parent", &alone);
    let [ours, raw] = [OURS, RAW].map(|name| Series::named(&alone, name));
    table.ratio("library spawn + wait, new session", (ours, "µs"), raw, 1.3);

    let rounds = if options.quick { 5 } else { 15 };
    let mut big = Helper::start(BIG)?;
    let small_again = "outlive Command, small parent";
    let mut names = names;
    names.push(small_again);
    let beside = interleave(rounds, &names, |kind| {
        if kind == small_again {
            return small.measure(OURS, 20);
        }
        let batch = BIG_PARENT_BATCHES.iter().find(|(name, _)| *name == kind);
        big.measure(kind, batch.map_or(1, |(_, count)| *count))
    })?;
    show("spawn + wait, parent with 2 GiB touched", &beside);
    let [ours, small_parent] = [OURS, small_again].map(|name| Series::named(&beside, name));
    table.ratio(
        "the same from a 2 GiB parent",
        (ours, "µs"),
        small_parent,
        1.2,
    );
    big.end()?;
    small.end()
}

fn show(title: &str, series: &[Series]) {
    println!(
        "\n{title} (µs; median of {} rounds, spread of the middle half)",
        series[0].len()
    );
    for one in series {
        println!("  {:<32} {}", one.name, one.figures());
    }
}
