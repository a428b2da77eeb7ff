//! Points of a plot that people watch while a program runs.
//!
//! The scheduler's shell keeps them for its page; its machine is not concerned.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_NAME_BYTES;

/// What a program adds to a plot. It says each time what the plot is, so that no update needs another to be understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlotUpdate {
    /// The plot's name. Several programs may add to one plot.
    pub name: Arc<str>,
    /// What it is.
    pub spec: PlotSpec,
    /// Whether the points that this client has added before are to go.
    pub fresh: bool,
    /// What is drawn behind the points, if that changes.
    pub background: Option<PlotGrid>,
    /// New points.
    pub points: Vec<PlotPoints>,
    /// How many points were left out before these, since there were too many.
    pub left_out: u64,
}

/// What a plot is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlotSpec {
    /// How it is drawn.
    pub kind: PlotKind,
    /// The words above it; its name if there are none.
    pub title: Arc<str>,
    /// The words along its horizontal axis.
    pub x: Arc<str>,
    /// The words along its vertical axis.
    pub y: Arc<str>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlotKind {
    /// Each by itself.
    #[default]
    Scatter,
    /// Joined, in the order in which they came.
    Line,
    /// In a colour that says how high they are.
    Heat,
}

/// Points of one series, as columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlotPoints {
    /// The series; empty if there is only one.
    pub series: Arc<str>,
    /// Places along the horizontal axis.
    pub x: Vec<f64>,
    /// Places along the vertical axis.
    pub y: Vec<f64>,
    /// Heights, if the plot has them; else empty.
    pub z: Vec<f64>,
}

/// Heights on a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlotGrid {
    /// From where to where it goes along the horizontal axis.
    pub x: (f64, f64),
    /// From where to where it goes along the vertical axis.
    pub y: (f64, f64),
    /// How many columns it has.
    pub columns: u32,
    /// The heights, row by row, the lowest row first.
    pub values: Vec<f64>,
}

impl PlotUpdate {
    /// Points in one update.
    pub const MAX_POINTS: usize = 4_096;

    /// Series in one update.
    pub const MAX_SERIES: usize = 64;

    /// Whether it keeps to what may be sent, and fits together: what does not is dropped by whoever receives it.
    pub fn is_within_limits(&self) -> bool {
        let PlotSpec { title, x, y, .. } = &self.spec;
        let fits = |points: &PlotPoints| {
            points.series.len() <= MAX_NAME_BYTES
                && points.x.len() == points.y.len()
                && (points.z.is_empty() || points.z.len() == points.x.len())
        };
        [&self.name, title, x, y].iter().all(|words| words.len() <= MAX_NAME_BYTES)
            && !self.name.is_empty()
            && self.points.len() <= Self::MAX_SERIES
            && self.points.iter().all(fits)
            && self.points.iter().map(|points| points.x.len()).sum::<usize>() <= Self::MAX_POINTS
            && self.background.as_ref().is_none_or(PlotGrid::is_within_limits)
    }
}

impl PlotGrid {
    /// Heights in one grid.
    pub const MAX_VALUES: usize = 1 << 16;

    /// Whether it is a grid, and not too large a one.
    pub fn is_within_limits(&self) -> bool {
        let columns = self.columns as usize;
        let ends = [self.x.0, self.x.1, self.y.0, self.y.1];
        columns > 0
            && !self.values.is_empty()
            && self.values.len() <= Self::MAX_VALUES
            && self.values.len().is_multiple_of(columns)
            && ends.iter().all(|end| end.is_finite())
            && self.x.0 < self.x.1
            && self.y.0 < self.y.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(points: usize) -> PlotUpdate {
        let xs = vec![1.0; points];
        let points = PlotPoints { series: "".into(), x: xs.clone(), y: xs, z: Vec::new() };
        let words: Arc<str> = "".into();
        let spec = PlotSpec { kind: PlotKind::Line, title: words.clone(), x: words.clone(), y: words };
        PlotUpdate { name: "search".into(), spec, fresh: false, background: None, points: vec![points], left_out: 0 }
    }

    fn grid(columns: u32, values: usize) -> PlotGrid {
        PlotGrid { x: (0.0, 1.0), y: (-1.0, 1.0), columns, values: vec![0.5; values] }
    }

    #[test]
    fn an_update_goes_there_and_back() {
        let update = PlotUpdate { background: Some(grid(2, 4)), ..update(3) };
        let bytes = postcard::to_allocvec(&update).unwrap();
        assert_eq!(postcard::from_bytes::<PlotUpdate>(&bytes).unwrap(), update);
    }

    #[test]
    fn what_is_too_long_or_does_not_fit_together_is_seen() {
        assert!(update(PlotUpdate::MAX_POINTS).is_within_limits());
        assert!(!update(PlotUpdate::MAX_POINTS + 1).is_within_limits());
        assert!(!PlotUpdate { name: "".into(), ..update(1) }.is_within_limits());
        assert!(!PlotUpdate { name: "a".repeat(MAX_NAME_BYTES + 1).into(), ..update(1) }.is_within_limits());
        let mut uneven = update(2);
        uneven.points[0].y.pop();
        assert!(!uneven.is_within_limits());
        let mut high = update(2);
        high.points[0].z.push(1.0);
        assert!(!high.is_within_limits());
        for (good, grid) in [
            (true, grid(2, 4)),
            (false, grid(0, 4)),
            (false, grid(3, 4)),
            (false, grid(1, 0)),
            (false, grid(1, PlotGrid::MAX_VALUES + 1)),
            (false, PlotGrid { x: (1.0, 1.0), ..grid(2, 4) }),
            (false, PlotGrid { y: (f64::NAN, 1.0), ..grid(2, 4) }),
        ] {
            assert_eq!(PlotUpdate { background: Some(grid.clone()), ..update(1) }.is_within_limits(), good, "{grid:?}");
        }
    }
}
