//! The page of a performance report.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use brisk_core::{
    message::{RunList, RunStatus, SchedulerInfo},
    state::TaskState,
};

const HEAD: &str = include_str!("head.html");
const SCRIPT: &str = include_str!("stream.js");

/// What is said of the runs of one function, or on one worker.
#[derive(Default)]
struct Sum {
    runs: u64,
    failed: u64,
    took: Duration,
    longest: Duration,
}

impl Sum {
    fn add(&mut self, run: &RunStatus) {
        let took = run.took();
        self.runs += 1;
        self.failed += u64::from(run.to == TaskState::Erred);
        self.took += took;
        self.longest = self.longest.max(took);
    }
}

/// The page about `took` of a cluster's time.
pub(super) fn page(info: &SchedulerInfo, stream: &RunList, took: Duration) -> String {
    let mut by_function: BTreeMap<&Arc<str>, Sum> = BTreeMap::new();
    let mut by_worker: BTreeMap<&Arc<str>, Sum> = BTreeMap::new();
    for run in &stream.runs {
        by_function.entry(&run.function).or_default().add(run);
        by_worker.entry(&run.worker).or_default().add(run);
    }
    let mut text = HEAD.to_owned();
    summary(&mut text, info, stream, took);
    text.push_str("<h2>Tasks over time</h2>\n<p class=\"hint\">A row is a thread's worth of a worker. Scroll to zoom, drag to move, point at a task.</p>\n");
    text.push_str("<canvas id=\"stream\" tabindex=\"0\" aria-label=\"tasks over time\"></canvas><div id=\"tip\" role=\"status\"></div>\n");
    table(&mut text, "Functions", &by_function, None);
    let threads = |name: &str| info.workers.iter().find(|worker| *worker.name == *name).map(|worker| worker.threads);
    table(
        &mut text,
        "Workers",
        &by_worker,
        Some(&|name, sum| threads(name).map_or_else(String::new, |threads| percent(sum.took, took * threads.max(1)))),
    );
    text.push_str("<script type=\"application/json\" id=\"runs\">");
    data(&mut text, stream, took);
    // Nothing that a user named is in the script.
    let _ = write!(text, "</script>\n<script>\n{SCRIPT}</script>\n</body></html>\n");
    text
}

fn summary(text: &mut String, info: &SchedulerInfo, stream: &RunList, took: Duration) {
    let threads: u32 = info.workers.iter().map(|worker| worker.threads).sum();
    let busy: Duration = stream.runs.iter().map(RunStatus::took).sum();
    let failed = stream.runs.iter().filter(|run| run.to == TaskState::Erred).count();
    // Writing to a String does not fail, here and below.
    let _ = writeln!(
        text,
        "<dl><dt>time</dt><dd>{took:.2?}</dd><dt>runs</dt><dd>{}</dd><dt>of them failed</dt><dd>{failed}</dd>\
         <dt>workers</dt><dd>{} with {threads} threads</dd><dt>at work</dt><dd>{}</dd>\
         <dt>values held now</dt><dd>{} bytes</dd></dl>",
        stream.runs.len(),
        info.workers.len() as u64 + info.more_workers,
        percent(busy, took * threads.max(1)),
        info.nbytes,
    );
    if stream.more > 0 || !stream.complete {
        let _ = writeln!(
            text,
            "<p class=\"warning\">There were more runs than are shown: {} of the oldest are left out{}.</p>",
            stream.more,
            if stream.complete { "" } else { ", and some that the scheduler does not remember any more" },
        );
    }
}

/// How busy somebody was.
type AtWork<'a> = &'a dyn Fn(&str, &Sum) -> String;

fn table(text: &mut String, title: &str, sums: &BTreeMap<&Arc<str>, Sum>, at_work: Option<AtWork<'_>>) {
    let mut rows: Vec<_> = sums.iter().collect();
    rows.sort_by_key(|(name, sum)| (std::cmp::Reverse(sum.took), **name));
    let more = if at_work.is_some() { "<th>at work</th>" } else { "" };
    let _ = writeln!(
        text,
        "<h2>{title}</h2>\n<table id=\"{}\"><thead><tr><th>name</th><th>runs</th><th>failed</th><th>together</th>\
         <th>on average</th><th>longest</th>{more}</tr></thead><tbody>",
        title.to_lowercase(),
    );
    for (name, sum) in rows {
        let average = sum.took.checked_div(u32::try_from(sum.runs).unwrap_or(u32::MAX)).unwrap_or_default();
        let more = at_work.map_or_else(String::new, |at_work| format!("<td>{}</td>", at_work(name, sum)));
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.2?}</td><td>{average:.2?}</td><td>{:.2?}</td>{more}</tr>",
            escaped(name),
            sum.runs,
            sum.failed,
            sum.took,
            sum.longest,
        );
    }
    text.push_str("</tbody></table>\n");
}

fn percent(part: Duration, whole: Duration) -> String {
    if whole.is_zero() {
        return String::new();
    }
    format!("{:.0} %", 100.0 * part.as_secs_f64() / whole.as_secs_f64())
}

/// The runs as numbers: microseconds from the beginning, and places in two lists of names.
fn data(text: &mut String, stream: &RunList, took: Duration) {
    let mut names: [BTreeMap<&Arc<str>, usize>; 2] = Default::default();
    for run in &stream.runs {
        for (names, name) in names.iter_mut().zip([&run.function, &run.worker]) {
            let next = names.len();
            names.entry(name).or_insert(next);
        }
    }
    let lists = names.each_ref().map(|names| {
        let mut list: Vec<_> = names.iter().map(|(name, place)| (*place, *name)).collect();
        list.sort_unstable();
        list.iter().map(|(_, name)| quoted(name)).collect::<Vec<_>>().join(",")
    });
    let _ = write!(
        text,
        "{{\"took\":{},\"functions\":[{}],\"workers\":[{}],\"runs\":[",
        took.as_micros(),
        lists[0],
        lists[1]
    );
    for (n, run) in stream.runs.iter().enumerate() {
        let at = |ago: Duration| took.saturating_sub(ago).as_micros();
        let (function, worker) = (names[0][&run.function], names[1][&run.worker]);
        let failed = u8::from(run.to == TaskState::Erred);
        let (begun, ended) = (at(run.begun), at(run.ended.unwrap_or_default()));
        let comma = if n == 0 { "" } else { "," };
        let name = quoted(&run.task.to_string());
        let _ = write!(text, "{comma}[{function},{worker},{begun},{ended},{failed},{name}]");
    }
    text.push_str("]}");
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A string of JSON's in which nothing ends the element around it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '<' | '>' | '&' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use brisk_core::{key::Key, task::TaskName};

    use super::*;

    fn run(function: &str, begun: u64, ended: Option<u64>, to: TaskState) -> RunStatus {
        RunStatus {
            task: TaskName::of_call(function.into(), Key::from_u128(1 << 96)),
            function: function.into(),
            worker: "worker-1".into(),
            begun: Duration::from_millis(begun),
            ended: ended.map(Duration::from_millis),
            to,
        }
    }

    #[test]
    fn names_are_text_wherever_they_stand() {
        let runs = vec![run("</script><script>\"x\"", 9, Some(4), TaskState::Memory)];
        let page = page(
            &SchedulerInfo::default(),
            &RunList { runs, more: 3, complete: false, ..RunList::default() },
            Duration::from_millis(10),
        );
        assert_eq!(page.matches("<script").count(), 2, "{page}");
        assert!(page.contains("&lt;/script&gt;&lt;script&gt;&quot;x&quot;"), "{page}");
        assert!(page.contains("3 of the oldest are left out, and some"), "{page}");
    }

    #[test]
    fn runs_are_summed_by_function() {
        let runs = vec![
            run("slow", 10, Some(4), TaskState::Memory),
            run("slow", 4, None, TaskState::Processing),
            run("bad", 3, Some(2), TaskState::Erred),
        ];
        let page = page(
            &SchedulerInfo::default(),
            &RunList { runs, more: 0, complete: true, ..RunList::default() },
            Duration::from_millis(10),
        );
        assert!(
            page.contains("<tr><td>slow</td><td>2</td><td>0</td><td>10.00ms</td><td>5.00ms</td><td>6.00ms</td>"),
            "{page}"
        );
        assert!(page.contains("<tr><td>bad</td><td>1</td><td>1</td><td>1.00ms</td>"), "{page}");
        assert!(page.contains("[0,0,0,6000,0,\"slow-00000001\"]"), "{page}");
        assert!(!page.contains("class=\"warning\""), "{page}");
    }
}
