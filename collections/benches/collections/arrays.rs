//! Arrays that are in the workers' memory, but for those that are read from a file.

use std::time::Instant;

use brisk_client::Client;
use brisk_collections::{Collection, array::Array};

use crate::{Options, Outcome};

/// A workload with its arrays.
pub(crate) struct Arrays {
    what: What,
    x: Array<f64>,
    y: Array<f64>,
}

#[derive(Clone, Copy)]
enum What {
    ReadSum,
    Sum,
    MeanAxis,
    TransposeAdd,
    Matmul,
}

impl Arrays {
    /// `None` if it is none of arrays.
    pub(crate) async fn of(workload: &str, client: &Client, options: &Options) -> anyhow::Result<Option<Self>> {
        let what = match workload {
            "array-read-sum" => What::ReadSum,
            "array-sum" => What::Sum,
            "array-mean-axis" => What::MeanAxis,
            "array-transpose-add" => What::TransposeAdd,
            "array-matmul" => What::Matmul,
            _ => return Ok(None),
        };
        let x = Array::<f64>::open_npy(format!("{}/random.npy", options.data))?.chunks(options.chunk)?;
        let (x, y) = match what {
            What::ReadSum => (x.clone(), x),
            What::Matmul => {
                let side = options.matrix;
                let corner = x.slice((..side, ..side))?.chunks(options.chunk.min(side))?;
                let x = client.persist(corner.clone());
                (x, client.persist(&corner + 1.0))
            }
            _ => {
                let x = client.persist(x);
                (x.clone(), x)
            }
        };
        if !matches!(what, What::ReadSum) {
            x.wait().await?;
            y.wait().await?;
        }
        Ok(Some(Arrays { what, x, y }))
    }

    pub(crate) async fn run(&self, client: &Client) -> anyhow::Result<Outcome> {
        let n = self.x.len();
        let start = Instant::now();
        let made = match self.what {
            What::ReadSum | What::Sum => {
                let sum = client.submit(self.x.sum()).await?;
                return Ok(Outcome::new(start, n, sum));
            }
            What::MeanAxis => {
                let means = self.x.mean_over(0)?.compute(client).await?;
                return Ok(Outcome::new(start, n, means.elements()[0]));
            }
            What::TransposeAdd => client.persist(&self.x + &self.x.t()),
            What::Matmul => client.persist(self.x.matmul(&self.y)?),
        };
        made.wait().await?;
        let outcome = Outcome::new(start, n, 0.0);
        let answer = client.submit(made.slice((0, 1))?.sum()).await?;
        Ok(Outcome { answer, ..outcome })
    }
}
