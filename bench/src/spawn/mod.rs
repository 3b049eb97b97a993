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
/// Two processes that are alike differ by up to a sixth in what a spawn takes them, for as long as they
/// live: where their pages happen to be in the caches. So there are several of each.
const PAIRS: usize = 5;

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

    small.end()?;
    let names_of_both = [
        "outlive Command, 2 GiB parent",
        "outlive Command, small parent",
        "raw, 2 GiB parent",
        "raw, small parent",
    ];
    let mut beside = names_of_both.map(Series::new);
    for _ in 0..PAIRS {
        let mut big = Helper::start(BIG)?;
        let mut small = Helper::start(0)?;
        let one_pair = interleave(rounds, &names_of_both, |name| {
            let is_big = name.ends_with("2 GiB parent");
            let helper = if is_big { &mut big } else { &mut small };
            let kind = if name.starts_with("raw") { RAW } else { OURS };
            helper.measure(kind, 40)
        })?;
        for (all, one) in beside.iter_mut().zip(one_pair) {
            all.extend(one);
        }
        big.end()?;
        small.end()?;
    }
    show(
        "spawn + wait, parent with 2 GiB touched and small parent",
        &beside,
    );
    let [ours, small_parent, raw, raw_small] = &beside;
    table.ratio(
        "the same from a 2 GiB parent",
        (ours, "µs"),
        small_parent,
        1.2,
    );
    table.note(
        "what a 2 GiB parent costs the kernel",
        (raw, "µs"),
        raw_small,
    );
    // Some of them take a thousand times longer: each is measured once a round.
    let rounds = if options.quick { 5 } else { 15 };
    let mut big = Helper::start(BIG)?;
    let others = interleave(rounds, &names, |kind| big.measure(kind, 1))?;
    show(
        "spawn + wait one by one, parent with 2 GiB touched",
        &others,
    );
    big.end()
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
