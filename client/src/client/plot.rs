//! Plots that a program feeds, and people watch on the dashboard.

use std::{ops::Range, sync::Arc};

use brisk_core::{
    limits::MAX_NAME_BYTES,
    message::{PlotGrid, PlotKind, PlotSpec},
};

use super::Client;
use crate::{error::ClientError, session::Feeder};

/// Columns and rows of a background that is made of a function.
const CELLS: u32 = 128;

impl Client {
    /// A plot on the [dashboard](Client::dashboard_url), which this program feeds while people watch: to be described, and begun
    /// as [points](PlotBuilder::scatter), a [line](PlotBuilder::line) or a [heat map](PlotBuilder::heat).
    ///
    /// Programs and tasks that name the same plot add to one plot. Adding points never waits; they are sent together, some
    /// twenty times a second. The newest 20,000 are kept, and the page says how many were left out. A plot stays for as long as
    /// somebody who has fed it is connected, and five seconds more. A program has 64 plots at most; nothing comes
    /// of a further one, nor of one with a [`Client::sync`], which has no dashboard. Words longer than 512 bytes are cut, and one
    /// without a name is called `plot`.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let bowl = |x: f64, y: f64| x * x + y * y;
    /// let points = client.plot("search").title("Where it looked").background(-2.0..2.0, -2.0..2.0, bowl)?.scatter();
    /// points.push(0.5, -1.0);
    /// points.series("best").push(0.0, 0.1);
    /// println!("see {}", client.dashboard_url()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn plot(&self, name: impl Into<Arc<str>>) -> PlotBuilder {
        let words: Arc<str> = "".into();
        let spec = PlotSpec { kind: PlotKind::default(), title: words.clone(), x: words.clone(), y: words };
        let name = cut(name.into());
        let name = if name.is_empty() { "plot".into() } else { name };
        PlotBuilder { client: self.clone(), name, spec, background: None }
    }
}

/// A plot that is about to begin; see [`Client::plot`].
#[derive(Clone, Debug)]
#[must_use = "a plot begins as a scatter, a line or a heat map"]
pub struct PlotBuilder {
    client: Client,
    name: Arc<str>,
    spec: PlotSpec,
    background: Option<PlotGrid>,
}

impl PlotBuilder {
    /// The words above it; its name, unless set.
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.spec.title = cut(title.into());
        self
    }

    /// The words along its axes.
    pub fn axes(mut self, x: impl Into<Arc<str>>, y: impl Into<Arc<str>>) -> Self {
        (self.spec.x, self.spec.y) = (cut(x.into()), cut(y.into()));
        self
    }

    /// Draws a function behind the points, in colours that say how high it is. It is called here and now, for each of 128 × 128
    /// places.
    ///
    /// # Errors
    /// If a range is empty or not finite.
    pub fn background(
        self,
        x: Range<f64>,
        y: Range<f64>,
        height: impl Fn(f64, f64) -> f64,
    ) -> Result<Self, ClientError> {
        let middle = |range: &Range<f64>, i: u32| {
            range.start + (range.end - range.start) * (f64::from(i) + 0.5) / f64::from(CELLS)
        };
        let mut values = Vec::with_capacity((CELLS * CELLS) as usize);
        for row in 0..CELLS {
            values.extend((0..CELLS).map(|column| height(middle(&x, column), middle(&y, row))));
        }
        self.grid(x, y, CELLS, values)
    }

    /// Draws heights on a grid behind the points: row by row from the lowest, of so many columns.
    ///
    /// # Errors
    /// If a range is empty or not finite, the values are no whole rows, or there are more than 65,536.
    pub fn grid(mut self, x: Range<f64>, y: Range<f64>, columns: u32, values: Vec<f64>) -> Result<Self, ClientError> {
        let grid = PlotGrid { x: (x.start, x.end), y: (y.start, y.end), columns, values };
        if !grid.is_within_limits() {
            return Err(ClientError::Configuration(format!(
                "the background of the plot `{}` must go from a number to a greater one in both directions, and have whole rows \
                 and from 1 to {} values; this one: x {x:?}, y {y:?}, {columns} columns, {} values",
                self.name,
                PlotGrid::MAX_VALUES,
                grid.values.len()
            )));
        }
        self.background = Some(grid);
        Ok(self)
    }

    /// Begins a plot of points.
    pub fn scatter(self) -> Plot {
        Plot { feeder: self.begin(PlotKind::Scatter), series: "".into() }
    }

    /// Begins a plot of lines: the points of each series are joined, in the order in which they came.
    pub fn line(self) -> Plot {
        Plot { feeder: self.begin(PlotKind::Line), series: "".into() }
    }

    /// Begins a plot of points in colours that say how high they are.
    pub fn heat(self) -> HeatMap {
        HeatMap { feeder: self.begin(PlotKind::Heat), series: "".into() }
    }

    fn begin(self, kind: PlotKind) -> Option<Arc<Feeder>> {
        let spec = PlotSpec { kind, ..self.spec };
        let session = self.client.session()?;
        Some(session.plot(self.name, spec, self.background))
    }
}

/// A plot to which points are added. A cheap handle: clones add to the same plot.
#[derive(Clone)]
pub struct Plot {
    feeder: Option<Arc<Feeder>>,
    series: Arc<str>,
}

impl Plot {
    /// Adds a point. One that is not finite is not drawn.
    pub fn push(&self, x: f64, y: f64) {
        self.extend([(x, y)]);
    }

    /// Adds points.
    pub fn extend(&self, points: impl IntoIterator<Item = (f64, f64)>) {
        if let Some(feeder) = &self.feeder {
            feeder.add(&self.series, points.into_iter().map(|(x, y)| [x, y, 0.0]));
        }
    }

    /// Another series of the same plot, drawn in another colour.
    #[must_use]
    pub fn series(&self, name: impl Into<Arc<str>>) -> Plot {
        Plot { feeder: self.feeder.clone(), series: cut(name.into()) }
    }
}

/// A heat map to which points are added. A cheap handle: clones add to the same plot.
#[derive(Clone)]
pub struct HeatMap {
    feeder: Option<Arc<Feeder>>,
    series: Arc<str>,
}

impl HeatMap {
    /// Adds a point of this height. One that is not finite is not drawn.
    pub fn push(&self, x: f64, y: f64, height: f64) {
        self.extend([(x, y, height)]);
    }

    /// Adds points, each with its height.
    pub fn extend(&self, points: impl IntoIterator<Item = (f64, f64, f64)>) {
        if let Some(feeder) = &self.feeder {
            feeder.add(&self.series, points.into_iter().map(|(x, y, height)| [x, y, height]));
        }
    }
}

/// What is longer than may travel is cut: these are words for people.
fn cut(words: Arc<str>) -> Arc<str> {
    if words.len() <= MAX_NAME_BYTES { words } else { words[..words.floor_char_boundary(MAX_NAME_BYTES)].into() }
}

impl std::fmt::Debug for Plot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plot").field("series", &self.series).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HeatMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeatMap").field("series", &self.series).finish_non_exhaustive()
    }
}
