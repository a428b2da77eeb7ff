//! Families of graphs, as programs make them.
//!
//! Calls of one function take about as long as one another, a fifth more or less: schedulers that learn from what calls
//! took know the middle, and no more.

use super::graph::{Builder, Graph};
use crate::random::Random;

/// How much a family's tasks cost.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// How long a middling task runs, in nanoseconds.
    pub work_ns: u64,
    /// The length of a middling value, in bytes.
    pub nbytes: u64,
}

/// One of each, of about a thousand tasks.
pub fn all(costs: Costs) -> Vec<Graph> {
    vec![
        independent(costs, 2_000),
        chains(costs, 96, 20),
        tree(costs, 1_024),
        shuffle(costs, 32, 24),
        stencil(costs, 48, 24),
        cholesky(costs, 16),
        fans(costs, 6, 200),
        layers(costs, 20, 60),
    ]
}

/// One of each, of about a hundred tasks.
pub fn small(costs: Costs) -> Vec<Graph> {
    vec![
        independent(costs, 100),
        chains(costs, 12, 8),
        tree(costs, 64),
        shuffle(costs, 8, 8),
        stencil(costs, 12, 8),
        cholesky(costs, 7),
        fans(costs, 3, 30),
        layers(costs, 8, 12),
    ]
}

/// Calls that have nothing to do with one another.
pub fn independent(costs: Costs, tasks: u32) -> Graph {
    let mut maker = Maker::new("independent", costs);
    for _ in 0..tasks {
        maker.task("work", 4, 4, &[]);
    }
    maker.builder.finish()
}

/// Many chains side by side.
pub fn chains(costs: Costs, count: u32, length: u32) -> Graph {
    let mut maker = Maker::new("chains", costs);
    for _ in 0..count {
        let mut last = Vec::new();
        for _ in 0..length {
            last = vec![maker.task("step", 4, 4, &last)];
        }
    }
    maker.builder.finish()
}

/// Pairs are combined until one value is left.
pub fn tree(costs: Costs, leaves: u32) -> Graph {
    let mut maker = Maker::new("tree reduce", costs);
    let mut level: Vec<u32> = (0..leaves).map(|_| maker.task("leaf", 4, 4, &[])).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| maker.task("combine", 2, 4, pair)).collect();
    }
    maker.builder.finish()
}

/// Each part is split in as many pieces as there are targets, and each target gathers one piece of every part; all
/// targets are then combined.
pub fn shuffle(costs: Costs, parts: u32, targets: u32) -> Graph {
    let mut maker = Maker::new("shuffle", costs);
    let mut pieces: Vec<Vec<u32>> = vec![Vec::new(); targets as usize];
    for _ in 0..parts {
        let part = maker.task("map", 16, 16, &[]);
        for gathered in &mut pieces {
            gathered.push(maker.piece("split", 1, u64::from(targets), part));
        }
    }
    let reduced: Vec<u32> = pieces.iter().map(|pieces| maker.task("reduce", 16, 4, pieces)).collect();
    maker.task("collect", 4, 1, &reduced);
    maker.builder.finish()
}

/// A row of cells, each step of which needs the cell and its neighbours.
pub fn stencil(costs: Costs, cells: u32, steps: u32) -> Graph {
    let mut maker = Maker::new("stencil", costs);
    let mut row: Vec<u32> = (0..cells).map(|_| maker.task("start", 4, 4, &[])).collect();
    for _ in 0..steps {
        let cell = |at: usize| row[at.saturating_sub(1)..(at + 2).min(row.len())].to_vec();
        let inputs: Vec<_> = (0..row.len()).map(cell).collect();
        row = inputs.iter().map(|inputs| maker.task("update", 4, 4, inputs)).collect();
    }
    maker.builder.finish()
}

/// The Cholesky factorisation of a matrix of tiles, right-looking: the usual test of schedulers of linear algebra.
pub fn cholesky(costs: Costs, tiles: usize) -> Graph {
    let mut maker = Maker::new("Cholesky", costs);
    let mut tile: Vec<Vec<Option<u32>>> = vec![vec![None; tiles]; tiles];
    let needs = |tasks: &[Option<u32>]| tasks.iter().copied().flatten().collect::<Vec<_>>();
    for k in 0..tiles {
        tile[k][k] = Some(maker.task("potrf", 2, 4, &needs(&[tile[k][k]])));
        for i in k + 1..tiles {
            tile[i][k] = Some(maker.task("trsm", 4, 4, &needs(&[tile[k][k], tile[i][k]])));
        }
        for i in k + 1..tiles {
            tile[i][i] = Some(maker.task("syrk", 4, 4, &needs(&[tile[i][k], tile[i][i]])));
            for j in k + 1..i {
                tile[i][j] = Some(maker.task("gemm", 7, 4, &needs(&[tile[i][k], tile[j][k], tile[i][j]])));
            }
        }
    }
    maker.builder.finish()
}

/// One value goes to many tasks, and theirs into one, again and again.
pub fn fans(costs: Costs, rounds: u32, width: u32) -> Graph {
    let mut maker = Maker::new("fan out, fan in", costs);
    let mut last = Vec::new();
    for _ in 0..rounds {
        let root = maker.task("spread", 1, 4, &last);
        let fan: Vec<u32> = (0..width).map(|_| maker.task("work", 4, 1, &[root])).collect();
        last = vec![maker.task("gather", 1, 4, &fan)];
    }
    maker.builder.finish()
}

/// Layers of tasks, each of which needs a few of the layer before: as random as graphs get, of functions short and long.
pub fn layers(costs: Costs, count: u32, width: u32) -> Graph {
    let mut maker = Maker::new("random layers", costs);
    let mut before: Vec<u32> = Vec::new();
    for _ in 0..count {
        let mut layer = Vec::new();
        for _ in 0..width {
            let wanted = maker.random.within(1..=4);
            let parents: Vec<u32> = (0..wanted).filter_map(|_| maker.random.pick(&before).copied()).collect();
            let (function, work) = [("short", 1), ("middling", 4), ("long", 12)][maker.random.index(3)];
            let nbytes = [1, 4, 12][maker.random.index(3)];
            layer.push(maker.task(function, work, nbytes, &parents));
        }
        before = layer;
    }
    maker.builder.finish()
}

/// Makes tasks that cost about so many quarters of a middling one.
struct Maker {
    builder: Builder,
    costs: Costs,
    random: Random,
}

impl Maker {
    fn new(name: &str, costs: Costs) -> Self {
        Maker { builder: Builder::new(name), costs, random: Random::new(1) }
    }

    fn task(&mut self, function: &str, work: u64, nbytes: u64, parents: &[u32]) -> u32 {
        let work_ns = self.about(self.costs.work_ns * work / 4);
        self.builder.task(function, work_ns, self.costs.nbytes * nbytes / 4, parents)
    }

    /// A piece of another task's value, which is cut in so many.
    fn piece(&mut self, function: &str, work: u64, pieces: u64, of: u32) -> u32 {
        let work_ns = self.about(self.costs.work_ns * work / 4);
        self.builder.task(function, work_ns, 4 * self.costs.nbytes / pieces, &[of])
    }

    fn about(&mut self, middle: u64) -> u64 {
        self.random.within(middle - middle / 5..=middle + middle / 5)
    }
}
