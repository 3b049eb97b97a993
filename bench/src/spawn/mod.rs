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

    let mut big = Helper::start(BIG)?;
    let pair = [
        "outlive Command, 2 GiB parent",
        "outlive Command, small parent",
    ];
    let beside = interleave(rounds, &pair, |name| {
        let helper = if name == pair[0] {
            &mut big
        } else {
            &mut small
        };
        helper.measure(OURS, 40)
    })?;
    show(
        "spawn + wait, parent with 2 GiB touched and small parent",
        &beside,
    );
    let [ours, small_parent] = pair.map(|name| Series::named(&beside, name));
    table.ratio(
        "the same from a 2 GiB parent",
        (ours, "µs"),
        small_parent,
        1.2,
    );
    // Some of them take a thousand times longer: each is measured once a round.
    let rounds = if options.quick { 5 } else { 15 };
    let others = interleave(rounds, &names, |kind| big.measure(kind, 1))?;
    show(
        "spawn + wait one by one, parent with 2 GiB touched",
        &others,
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
