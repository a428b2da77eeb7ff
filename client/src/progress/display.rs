//! Drawing on a terminal, and lines for a log.

use std::{
    sync::{
        LazyLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Wake, watch::Watch, words};

/// How often a terminal is redrawn at most.
const REDRAW: Duration = Duration::from_millis(100);

/// Looking takes at most one part in so many of the time: there may be millions of futures.
const SHARE: u32 = 20;

/// When the first line of a log is written. Each further one waits twice as long as the one before, up to [`SPARSE`].
const FIRST_LINE: Duration = Duration::from_secs(5);
const SPARSE: Duration = Duration::from_secs(60);

/// Names of functions take so much room at most.
const MAX_NAME: usize = 30;

/// All bars of the program stand below each other, whoever draws them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One bar a function, until all have ended.
pub(super) fn draw(watch: &mut Watch, wake: &mpsc::Receiver<Wake>) {
    let style = ProgressStyle::with_template("{prefix} {bar:25.cyan/dim} {pos:>7}/{len} {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▉▊▋▌▍▎▏ ");
    let mut lines: Vec<ProgressBar> = Vec::new();
    until_done(watch, wake, |watch, done| {
        for group in &watch.groups[lines.len()..] {
            let bar = ProgressBar::new(group.count().total).with_style(style.clone());
            lines.push(match lines.last() {
                // What the futures stand on stands above them: work goes downwards.
                Some(above) if !group.is_own() => BARS.insert_before(above, bar),
                _ => BARS.add(bar),
            });
        }
        let width = watch.groups.iter().map(|group| group.name.chars().count()).max().unwrap_or(0).min(MAX_NAME);
        for (line, group) in lines.iter().zip(&watch.groups) {
            let (name, count) = (group.name.chars().take(MAX_NAME).collect::<String>(), group.count());
            line.set_prefix(format!("{name:width$}"));
            line.set_length(count.total);
            line.set_position(count.ended);
            line.set_message(words::of_group(watch, group));
        }
        if done {
            lines.iter().for_each(ProgressBar::abandon);
        }
    });
}

/// A line now and then, and a last one if there was any before.
pub(super) fn log(watch: &mut Watch, wake: &mpsc::Receiver<Wake>) {
    let (mut next, mut pause) = (FIRST_LINE, FIRST_LINE);
    until_done(watch, wake, |watch, done| {
        let elapsed = watch.elapsed();
        // What is over before the first line is due needs none.
        if elapsed >= next || (done && next > FIRST_LINE) {
            eprintln!("{}", words::of_all(watch));
            pause = (2 * pause).min(SPARSE);
            next = elapsed + pause;
        }
    });
}

fn until_done(watch: &mut Watch, wake: &mpsc::Receiver<Wake>, mut show: impl FnMut(&Watch, bool)) {
    loop {
        let began = Instant::now();
        let done = watch.look();
        show(watch, done);
        if done {
            return;
        }
        wait(wake, REDRAW.max(SHARE * began.elapsed()));
    }
}

/// Waits for a time, or until somebody awaits the end.
fn wait(wake: &mpsc::Receiver<Wake>, time: Duration) {
    if let Err(RecvTimeoutError::Disconnected) = wake.recv_timeout(time) {
        // The display was dropped and draws on by itself: nobody can wake it any more, and the pace is still wanted.
        thread::sleep(time);
    }
}
