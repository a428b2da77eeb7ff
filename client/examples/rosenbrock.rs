//! A search that steers itself: it looks for the minimum of Rosenbrock's function, and every result decides where to look
//! next. The points are drawn over the function's contours as they come.
//!
//! ```text
//! cargo run --release --example rosenbrock
//! ```

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    time::Duration,
};

use brisk_client::{AsCompleted, Client, task};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

/// The function to be minimised: 0 at (1, 1), at the bottom of a long curved valley. It sleeps in place of the work that a real one
/// does.
#[task]
fn rosenbrock(point: Point) -> (Point, f64) {
    std::thread::sleep(Duration::from_millis(2));
    (point, value(point))
}

fn value(Point { x, y }: Point) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

/// The best point so far.
struct Best {
    point: Point,
    score: f64,
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    let mut random = Random(2);
    let mut scale = 2.0;
    let mut best = Best { point: Point { x: 0.0, y: 0.0 }, score: f64::INFINITY };
    let mut picture = Picture::new();

    let start = (0..20).map(|_| Point { x: random.between(-2.0, 2.0), y: random.between(-1.0, 3.0) });
    let mut done = AsCompleted::from_iter(start.map(|point| client.submit(rosenbrock(point))));
    let mut count = 0;
    while let Some(future) = done.next().await {
        let (point, score) = future.result().await?;
        count += 1;
        if score < best.score {
            best = Best { point, score };
            picture.say(&format!("new best after {count:4}: f({:+.4}, {:+.4}) = {score:.6}", point.x, point.y));
        }
        picture.add(point, &best);
        scale *= 0.99;
        if scale < 0.001 {
            break;
        }
        // The next point to try lies near the best one known when this result came.
        let x = best.point.x + random.between(-scale, scale);
        let y = best.point.y + random.between(-scale, scale);
        done.push(client.submit(rosenbrock(Point { x, y })));
    }
    picture.finish();
    println!("best of {count}: f({:.3}, {:.3}) = {:.6}", best.point.x, best.point.y, best.score);
    Ok(())
}

const WIDTH: usize = 72;
const HEIGHT: usize = 28;

/// The contours and the points, in characters: on a terminal redrawn as points come, elsewhere drawn once at the end.
struct Picture {
    cells: Vec<[char; WIDTH]>,
    terminal: bool,
    drawn: bool,
    best: Option<(usize, usize)>,
}

impl Picture {
    fn new() -> Self {
        let shades = [' ', '.', ':', '-', '=', '+'];
        let mut cells = vec![[' '; WIDTH]; HEIGHT];
        for (row, line) in cells.iter_mut().enumerate() {
            for (column, cell) in line.iter_mut().enumerate() {
                // A contour for each power of ten.
                let level = value(place(row, column)).max(1e-3).log10() + 1.0;
                *cell = shades[(level.max(0.0) as usize).min(shades.len() - 1)];
            }
        }
        Picture { cells, terminal: std::io::stdout().is_terminal(), drawn: false, best: None }
    }

    fn add(&mut self, point: Point, best: &Best) {
        if let Some((row, column)) = cell(point) {
            self.cells[row][column] = 'o';
        }
        self.best = cell(best.point);
        if self.terminal {
            self.draw();
        }
    }

    fn say(&mut self, line: &str) {
        if self.terminal && self.drawn {
            // Above the picture, which is drawn again below the line.
            print!("\x1b[{HEIGHT}A\x1b[J");
            self.drawn = false;
        }
        println!("{line}");
    }

    fn finish(&mut self) {
        self.draw();
    }

    fn draw(&mut self) {
        let mut text = String::new();
        if self.drawn {
            let _ = write!(text, "\x1b[{HEIGHT}A");
        }
        for (row, line) in self.cells.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                text.push(if self.best == Some((row, column)) { '*' } else { *cell });
            }
            text.push('\n');
        }
        let mut out = std::io::stdout().lock();
        // A closed terminal is no reason to stop the search.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        self.drawn = true;
    }
}

/// The point in the middle of a cell.
fn place(row: usize, column: usize) -> Point {
    Point { x: -2.0 + 4.0 * column as f64 / (WIDTH - 1) as f64, y: 3.0 - 4.0 * row as f64 / (HEIGHT - 1) as f64 }
}

/// The cell of a point, if it is in the picture.
fn cell(point: Point) -> Option<(usize, usize)> {
    let column = ((point.x + 2.0) / 4.0 * (WIDTH - 1) as f64).round();
    let row = ((3.0 - point.y) / 4.0 * (HEIGHT - 1) as f64).round();
    let inside = (0.0..WIDTH as f64).contains(&column) && (0.0..HEIGHT as f64).contains(&row);
    inside.then_some((row as usize, column as usize))
}

/// A small generator, so that every run tries the same first points.
struct Random(u64);

impl Random {
    /// A number in a range: splitmix64.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        low + (high - low) * (z >> 11) as f64 / (1u64 << 53) as f64
    }
}
