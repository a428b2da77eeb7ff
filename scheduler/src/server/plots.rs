//! Plots that programs feed and people watch. Kept for the page alone; the machine is not concerned.
//!
//! A plot is made of what its clients have added, each client's part by itself. A part goes when its client is gone for as long
//! as a client may be gone, and a plot with its last part. Everything is bounded: beyond, the oldest points of the longest
//! series go, and of too many plots the one that was fed longest ago.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use brisk_core::{
    id::ClientId,
    message::{PlotGrid, PlotPoints, PlotSpec, PlotUpdate},
};

use super::Shared;

/// Plots.
const PLOTS: usize = 64;

/// Points of a plot, in all its series.
const POINTS: usize = 20_000;

/// Series of a plot, of all clients together.
const SERIES: usize = 256;

/// All plots.
#[derive(Default)]
pub(super) struct Plots {
    plots: BTreeMap<Arc<str>, Plot>,
    /// How often anything has changed.
    pub(super) revision: u64,
}

struct Plot {
    spec: PlotSpec,
    background: Option<Arc<PlotGrid>>,
    parts: BTreeMap<(ClientId, Arc<str>), Series>,
    points: usize,
    left_out: u64,
    /// The change of all plots that changed it last.
    revision: u64,
}

#[derive(Default)]
struct Series(VecDeque<(f64, f64, f64)>);

/// A plot at one moment, without its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlotStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub spec: PlotSpec,
    /// How many points it has.
    pub points: usize,
    /// How many points it had that were left out, since there were too many.
    pub left_out: u64,
    /// A number that grows when the plot changes.
    pub revision: u64,
}

/// A plot with its points.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotContent {
    /// What it is.
    pub status: PlotStatus,
    /// Its points, by series.
    pub series: Vec<PlotPoints>,
    /// What is drawn behind them.
    pub background: Option<Arc<PlotGrid>>,
}

impl Shared {
    /// A client is gone. What it has fed stays for as long as the client may come back.
    pub(super) fn plots_outlive(&self, client: ClientId) {
        if !self.plots.lock().has(client) {
            return;
        }
        let Some(this) = self.this.upgrade() else { return };
        self.runtime.spawn(async move {
            tokio::select! {
                () = this.until_end() => {}
                () = tokio::time::sleep(this.config.machine.client_grace) => this.plots.lock().forget(client),
            }
        });
    }
}

impl Plots {
    /// Takes what a client adds, as far as it can be drawn.
    pub(super) fn update(&mut self, client: ClientId, update: PlotUpdate) {
        if !update.is_within_limits() {
            return tracing::debug!(%client, plot = %update.name, "points were dropped: too many, or they do not fit together");
        }
        self.revision += 1;
        let PlotUpdate { name, spec, fresh, background, points, left_out } = update;
        if !self.plots.contains_key(&name) {
            self.make_room();
        }
        let plot = self.plots.entry(name).or_insert_with(|| Plot::new(spec.clone()));
        (plot.spec, plot.revision) = (spec, self.revision);
        plot.left_out = plot.left_out.saturating_add(left_out);
        if fresh {
            plot.forget(client);
        }
        if let Some(grid) = background {
            plot.background = Some(Arc::new(grid));
        }
        // A plot without points is there too: it belongs to whoever has begun it.
        plot.parts.entry((client, "".into())).or_default();
        points.into_iter().for_each(|points| plot.add(client, points));
        plot.cut();
    }

    /// Whether a client has a part of any plot.
    pub(super) fn has(&self, client: ClientId) -> bool {
        self.plots.values().any(|plot| plot.parts.keys().any(|(of, _)| *of == client))
    }

    /// A client has gone for good.
    pub(super) fn forget(&mut self, client: ClientId) {
        let before = self.plots.len();
        self.plots.retain(|_, plot| {
            if plot.forget(client) {
                self.revision += 1;
                plot.revision = self.revision;
            }
            !plot.parts.is_empty()
        });
        self.revision += u64::from(self.plots.len() < before);
    }

    pub(super) fn list(&self) -> Vec<PlotStatus> {
        self.plots.iter().map(|(name, plot)| plot.status(name)).collect()
    }

    pub(super) fn content(&self, name: &str) -> Option<PlotContent> {
        let (name, plot) = self.plots.get_key_value(name)?;
        let mut series: BTreeMap<&Arc<str>, PlotPoints> = BTreeMap::new();
        for ((_, of), part) in &plot.parts {
            let points = series.entry(of).or_default();
            points.series = of.clone();
            for &(x, y, z) in &part.0 {
                points.x.push(x);
                points.y.push(y);
                points.z.push(z);
            }
        }
        Some(PlotContent {
            status: plot.status(name),
            series: series.into_values().filter(|points| !points.x.is_empty()).collect(),
            background: plot.background.clone(),
        })
    }

    /// For one more plot.
    fn make_room(&mut self) {
        if self.plots.len() >= PLOTS
            && let Some((name, _)) = self.plots.iter().min_by_key(|(_, plot)| plot.revision)
        {
            let name = name.clone();
            tracing::warn!(plot = %name, "there are more than {PLOTS} plots: the one that was fed longest ago is forgotten");
            self.plots.remove(&name);
        }
    }
}

impl Plot {
    fn new(spec: PlotSpec) -> Self {
        Plot { spec, background: None, parts: BTreeMap::new(), points: 0, left_out: 0, revision: 0 }
    }

    /// Adds those points that are somewhere.
    fn add(&mut self, client: ClientId, points: PlotPoints) {
        let PlotPoints { series, x, y, z } = points;
        let of = (client, series);
        if self.parts.len() >= SERIES && !self.parts.contains_key(&of) {
            self.left_out = self.left_out.saturating_add(x.len() as u64);
            return;
        }
        let part = self.parts.entry(of).or_default();
        let z = z.into_iter().chain(std::iter::repeat(0.0));
        let there = x.into_iter().zip(y).zip(z).map(|((x, y), z)| (x, y, z));
        let before = part.0.len();
        part.0.extend(there.filter(|(x, y, z)| x.is_finite() && y.is_finite() && z.is_finite()));
        self.points += part.0.len() - before;
    }

    /// Leaves out the oldest points of the longest series, a few more than need be, so that it is not looked for each time.
    fn cut(&mut self) {
        while self.points > POINTS {
            let Some(longest) = self.parts.values_mut().max_by_key(|part| part.0.len()) else { return };
            let surplus = (self.points - POINTS + POINTS / 20).min(longest.0.len().div_ceil(2));
            longest.0.drain(..surplus);
            self.points -= surplus;
            self.left_out = self.left_out.saturating_add(surplus as u64);
        }
    }

    /// Takes a client's parts out. Whether there were any.
    fn forget(&mut self, client: ClientId) -> bool {
        let before = self.parts.len();
        self.parts.retain(|(of, _), part| {
            if *of == client {
                self.points -= part.0.len();
            }
            *of != client
        });
        self.parts.len() < before
    }

    fn status(&self, name: &Arc<str>) -> PlotStatus {
        PlotStatus {
            name: name.clone(),
            spec: self.spec.clone(),
            points: self.points,
            left_out: self.left_out,
            revision: self.revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{id::Incarnation, message::PlotKind};

    use super::*;

    fn client(number: u64) -> ClientId {
        ClientId(Incarnation(number))
    }

    fn update(name: &str, series: &str, xs: &[f64]) -> PlotUpdate {
        let spec = PlotSpec { kind: PlotKind::Scatter, title: name.into(), x: "x".into(), y: "y".into() };
        let points = PlotPoints { series: series.into(), x: xs.to_vec(), y: xs.to_vec(), z: Vec::new() };
        PlotUpdate { name: name.into(), spec, fresh: false, background: None, points: vec![points], left_out: 0 }
    }

    fn xs(plots: &Plots, name: &str) -> Vec<f64> {
        let content = plots.content(name);
        content.into_iter().flat_map(|content| content.series).flat_map(|series| series.x).collect()
    }

    #[test]
    fn parts_go_with_their_clients_and_plots_with_their_parts() {
        let mut plots = Plots::default();
        plots.update(client(1), update("a", "", &[1.0, 2.0]));
        plots.update(client(2), update("a", "", &[3.0]));
        plots.update(client(2), update("b", "best", &[4.0]));
        assert_eq!(xs(&plots, "a"), [1.0, 2.0, 3.0]);
        let before = plots.revision;
        plots.forget(client(2));
        assert!(plots.revision > before);
        assert_eq!((xs(&plots, "a"), plots.content("b")), (vec![1.0, 2.0], None));
        assert_eq!(plots.list()[0].points, 2);
        assert!(plots.has(client(1)) && !plots.has(client(2)));
    }

    #[test]
    fn what_is_said_anew_takes_the_place_of_the_same_clients_points_only() {
        let mut plots = Plots::default();
        plots.update(client(1), update("a", "", &[1.0]));
        plots.update(client(2), update("a", "", &[2.0]));
        plots.update(client(1), PlotUpdate { fresh: true, ..update("a", "", &[5.0]) });
        assert_eq!(xs(&plots, "a"), [5.0, 2.0]);
    }

    #[test]
    fn points_are_bounded_the_oldest_of_the_longest_series_go_and_that_is_told() {
        let mut plots = Plots::default();
        plots.update(client(1), update("a", "short", &[-1.0]));
        for i in 0..30 {
            let points: Vec<_> = (0..1_000).map(|j| f64::from(i * 1_000 + j)).collect();
            plots.update(client(1), update("a", "long", &points));
        }
        let status = &plots.list()[0];
        assert!(status.points <= POINTS && status.points > POINTS / 2, "{status:?}");
        assert_eq!(status.points as u64 + status.left_out, 30_001);
        let kept = xs(&plots, "a");
        assert_eq!((kept.len(), kept.contains(&-1.0), kept.contains(&29_999.0)), (status.points, true, true));
        assert!(!kept.contains(&0.0));
    }

    #[test]
    fn plots_are_bounded_and_nonsense_is_dropped() {
        let mut plots = Plots::default();
        for i in 0..=PLOTS {
            plots.update(client(1), update(&format!("plot {i}"), "", &[1.0]));
        }
        assert_eq!(plots.list().len(), PLOTS);
        assert!(plots.content("plot 0").is_none() && plots.content(&format!("plot {PLOTS}")).is_some());
        plots.update(client(1), update("plot 1", "", &[f64::NAN, f64::INFINITY, 2.0]));
        assert_eq!(xs(&plots, "plot 1"), [1.0, 2.0]);
        let mut uneven = update("uneven", "", &[1.0]);
        uneven.points[0].y.clear();
        plots.update(client(1), uneven);
        assert!(plots.content("uneven").is_none());
    }
}
