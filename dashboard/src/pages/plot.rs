//! A plot, with its points.

use brisk_core::message::{PlotKind, PlotPoints};
use brisk_scheduler::server::{Observer, PlotStatus};
use serde::Serialize;
use serde_json::{Value, json};

/// A plot without its points, as the events and this page tell it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct PlotRow {
    pub(crate) name: std::sync::Arc<str>,
    kind: &'static str,
    title: std::sync::Arc<str>,
    x: std::sync::Arc<str>,
    y: std::sync::Arc<str>,
    points: usize,
    left_out: u64,
    revision: u64,
}

impl From<PlotStatus> for PlotRow {
    fn from(status: PlotStatus) -> Self {
        PlotRow {
            kind: kind(status.spec.kind),
            title: if status.spec.title.is_empty() { status.name.clone() } else { status.spec.title },
            x: status.spec.x,
            y: status.spec.y,
            name: status.name,
            points: status.points,
            left_out: status.left_out,
            revision: status.revision,
        }
    }
}

pub(super) fn plot(observer: &Observer, name: &str) -> Result<Value, &'static str> {
    let name = decoded(name).ok_or("the plot's name is not written as an address has it")?;
    let content = observer.plot(&name).ok_or("there is no such plot, or its program has gone")?;
    let has_heights = content.status.spec.kind == PlotKind::Heat;
    let series = content.series.iter().map(|PlotPoints { series, x, y, z }| {
        let mut series = json!({ "name": series, "x": x, "y": y });
        if has_heights {
            series["z"] = json!(z);
        }
        series
    });
    let mut page = json!({ "series": series.collect::<Vec<_>>() });
    page["info"] = json!(PlotRow::from(content.status));
    if let Some(grid) = content.background {
        page["background"] = json!({
            "x0": grid.x.0, "x1": grid.x.1, "y0": grid.y.0, "y1": grid.y.1,
            "columns": grid.columns, "rows": grid.values.len() / grid.columns.max(1) as usize, "values": grid.values,
        });
    }
    Ok(page)
}

fn kind(kind: PlotKind) -> &'static str {
    match kind {
        PlotKind::Scatter => "scatter",
        PlotKind::Line => "line",
        PlotKind::Heat => "heat",
    }
}

/// Part of an address, without its percent signs; `None` if it can't be read.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        decoded.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_addresses_have_them() {
        assert_eq!(decoded("a%20b%2Fc").as_deref(), Some("a b/c"));
        assert_eq!(decoded("gr%C3%BC%C3%9Fe").as_deref(), Some("grüße"));
        for wrong in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
