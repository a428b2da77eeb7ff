//! Arrays on every kind of cluster.

#[path = "../examples/array.rs"]
#[allow(dead_code, reason = "its main is for those who start it")]
mod example;
#[path = "../../client/tests/support/mod.rs"]
mod support;

use std::{fs, path::PathBuf, time::Duration};

use brisk_client::{LocalBuilder, Status, task};
use brisk_collections::{
    Collection,
    array::{
        Array, ArrayError, Block, Chunks, Region, concatenate,
        ndarray::{self, array},
        step, where_,
    },
};
use support::{KINDS, all_is_forgotten, bytes, eventually};

brisk_client::test_worker!();

#[task]
fn counted(region: Region, width: usize) -> Block<i64> {
    Block::from_fn(&region, |index| (index[0] * width + index[1]) as i64)
}

#[task]
fn doubled(block: Block<f64>) -> Block<f64> {
    Block::from(2.0 * block.into_ndarray())
}

#[task]
fn too_short(block: &Block<i64>) -> Block<i64> {
    Block::copy_of(block.slice_axis(ndarray::Axis(0), (0..1).into()))
}

/// A directory of this test's own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brisk-array-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

on_every_cluster! {
    async fn steps_reductions_and_products_go_over_blocks(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let x = Array::from_blocks([30, 20], |region| counted(region, 20)).unwrap().chunks([7, 9]).unwrap();
        let y = x.cast::<f64>();
        let all = client.submit(x.sum());
        let mean = client.submit((&y + &y.t().t()).mean());
        let rows = y.sqrt().max_over(1).unwrap().compute(&client);
        let sliced = x.slice((step(.., -11), 3..5)).unwrap().compute(&client);
        let product = y.t().matmul(&y).unwrap().slice((0, 0)).unwrap().compute(&client);
        let positive = where_(&x.gt(300), &x, 0).unwrap().fan_in(2).unwrap();
        let positive = client.submit(positive.argmax().unwrap());

        assert_eq!(all.await.unwrap(), 599 * 300);
        assert_eq!(mean.await.unwrap(), 599.0);
        assert_eq!(rows.await.unwrap().elements()[29], 599f64.sqrt());
        assert_eq!(sliced.await.unwrap().elements(), [583, 584, 363, 364, 143, 144]);
        let squares: f64 = (0..30).map(|row| f64::from(row * 20).powi(2)).sum();
        assert_eq!(product.await.unwrap().only(), Some(squares));
        assert_eq!(positive.await.unwrap(), 599);
        drop((x, y));
        all_is_forgotten(&cluster).await;
    }

    async fn an_array_is_kept_and_released(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let x = Array::<f64>::random([100, 100], 7).unwrap().chunks(50).unwrap();
        let here = x.sum().run().unwrap();
        let x = client.persist(x);
        x.wait().await.unwrap();
        assert!(bytes(&cluster.snapshot()) >= 80_000);
        let doubled = x.map_blocks(doubled);
        let sums = client.compute((x.sum(), doubled.sum()));
        assert_eq!((sums.0.await.unwrap(), sums.1.await.unwrap()), (here, 2.0 * here));
        drop((x, doubled));
        all_is_forgotten(&cluster).await;
    }

    async fn files_are_read_and_written_on_the_workers(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let directory = Directory::new(&format!("{:?}", std::thread::current().id()));
        let path = directory.file("x.npy");
        let x = Array::from_blocks([12, 10], |region| counted(region, 10)).unwrap().chunks([5, 4]).unwrap();
        let length = client.submit(x.to_npy(&path).unwrap()).await.unwrap();
        assert_eq!(length, fs::metadata(&path).unwrap().len());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1, "no part is left");
        let back = Array::<i64>::open_npy(&path).unwrap().chunks([3, 7]).unwrap();
        assert!(client.submit(back.eq(&x).all()).await.unwrap());

        // The file is another one by the time it is read.
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 8).unwrap();
        let cut = client.submit(back.sum()).await.unwrap_err().to_string();
        assert!(cut.contains("x.npy") && cut.contains("block [9..12, 7..10]") && cut.contains("cut off"), "{cut}");
        fs::remove_file(&path).unwrap();
        // In other chunks, since calls that failed may still be known.
        let other = back.chunks([6, 10]).unwrap();
        let gone = client.submit((&other + 1).sum()).await.unwrap_err().to_string();
        assert!(gone.contains("x.npy") && gone.contains("No such file"), "{gone}");
    }

    async fn the_example_sums_what_it_keeps(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let x = Array::<f64>::random([60, 60], 42).unwrap().chunks(25).unwrap();
        let sums = example::run(&client, x.clone()).await.unwrap();
        assert_eq!(sums, [x.sum().run().unwrap(); 4]);
        all_is_forgotten(&cluster).await;
    }

    async fn what_is_wrong_in_a_block_is_an_error_of_its_future(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // Blocks of one length: any of them may be the first to fail.
        let x = Array::<i64>::arange(0, 1, 12).unwrap().chunks(4).unwrap();
        let divided = client.submit((100 / &x).sum()).await.unwrap_err().to_string();
        assert!(divided.contains("attempt to divide an integer by zero"), "{divided}");
        let short = client.submit((x.map_blocks(too_short) + 1).sum()).await.unwrap_err().to_string();
        assert!(short.contains("a block of shape (1,) came where (4,) is made"), "{short}");
    }
}

/// The same numbers, whatever makes them.
#[test]
fn random_numbers_are_those_of_their_places() {
    let x = Array::<f64>::normal([40, 25], 0.0, 1.0, 3).unwrap();
    let whole = x.collect().run().unwrap();
    for chunks in [[40, 25], [7, 25], [1, 1], [13, 4]] {
        assert_eq!(x.chunks(chunks).unwrap().collect().run().unwrap(), whole);
    }
    let far: Array<f64> = Array::random([1 << 20, 1 << 12], 3).unwrap();
    assert_eq!(format!("{far:?}"), "<Array f64 (1048576, 4096), 1024 blocks of (2048, 2048), 34.4 GB>");
}

#[test]
fn numbers_are_the_same_for_any_number_of_workers() {
    let x = Array::<f64>::normal([90, 70], 0.0, 1.0, 11).unwrap().chunks([32, 17]).unwrap();
    let spread = (&x * 3.0 - &x.t().t().exp()).std(1);
    let here = (x.collect().run().unwrap(), spread.run().unwrap());
    for workers in [1, 2, 5] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = LocalBuilder::default().workers(workers).threads(1).start().await.unwrap();
            let client = cluster.client().await.unwrap();
            client.wait_for_workers(workers).await.unwrap();
            let there = (x.compute(&client).await.unwrap(), client.submit(&spread).await.unwrap());
            assert_eq!(there, here, "by {workers} workers, to the last bit");
        });
    }
}

#[test]
fn a_sum_of_four_times_what_memory_holds_is_bounded() {
    /// What a chunk set may take: 16 blocks, of the 64 that there are.
    const ALLOWED: u64 = 4 << 20;
    for kind in KINDS {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let builder = LocalBuilder::default().workers(2).threads(1).memory_limit(ALLOWED);
            let cluster = support::start(*kind, builder).await;
            let client = cluster.client().await.unwrap();
            let count = 4 * ALLOWED as usize / 8;
            let x = Array::<f64>::random([count], 1).unwrap().chunks(1 << 15).unwrap();
            let sum = client.submit(((&x - 0.5) * 2.0).sum());
            let mut most = 0;
            eventually(Duration::from_secs(50), "the sum is there", || {
                most = most.max(bytes(&cluster.snapshot()));
                sum.status() != Status::Pending
            })
            .await;
            assert!(sum.await.unwrap().abs() < 1e4);
            assert!(most > 0 && most <= ALLOWED, "{kind:?}: {most} bytes were held at once");
        });
    }
}

#[test]
fn what_is_known_to_be_wrong_is_told_when_it_is_built() {
    let x = Array::<f64>::zeros([3, 4]).unwrap();
    let y = Array::<f64>::zeros([2, 4]).unwrap();
    let text = |result: Result<Array<f64>, ArrayError>| result.unwrap_err().to_string();
    let shapes = x.broadcast_with(&y).unwrap_err().to_string();
    assert_eq!(shapes, "shapes (3, 4) and (2, 4) do not fit: axis -2 is 3 long in one and 2 in the other");
    assert!(text(x.matmul(&y)).starts_with("shapes (3, 4) and (2, 4) do not fit: a product takes as many rows"));
    assert!(text(x.reshape([5])).starts_with("shapes (3, 4) and (5,) do not fit: they have 12 and 5 elements"));
    assert!(text(concatenate(&[x.clone(), y.clone()], 1)).starts_with("shapes (3, 4) and (2, 4) do not fit"));
    assert!(text(where_(&x.gt(0.0), &y, 1.0)).starts_with("shapes (3, 4) and (2, 4) do not fit"));
    assert!(text(x.broadcast_to([4])).contains("do not fit"));
    assert!(text(x.chunks(0)).contains("the chunks of axis 0 have length 0"));
    assert!(text(x.chunks([1])).contains("a length for each of 2 axes"));
    assert!(text(x.chunks(Chunks::Bytes(0))).contains("0 bytes a block is less than an element, which takes 8"));
    assert_eq!(x.chunks(Chunks::Bytes(32)).unwrap().chunk_lengths(), [vec![2, 1], vec![2, 2]]);
    assert_eq!(text(x.sum_over(2)), "axis 2 was asked for, but an array of shape (3, 4) has 2 axes");
    assert!(text(x.mean_over([0, -2])).contains("axis 0 is named twice"));
    assert!(text(x.slice((0..4, 0))).contains("axis 0: 4 is beyond its 3 elements"));
    assert!(text(x.slice((.., 4))).contains("axis 1: index 4 is beyond its 4 elements"));
    assert!(text(x.slice(step(.., 0))).contains("a step of 0"));
    assert!(text(x.slice((0, 0, 0))).contains("more axes are named than it has"));
    assert!(text(x.transpose([0])).contains("all 2 axes"));
    let none = Array::<f64>::zeros([0, 4]).unwrap();
    assert_eq!(none.max().unwrap_err().to_string(), "the max of no elements is asked for: the array has shape (0, 4)");
    assert!(none.argmin_over(0).is_err() && none.max_over(1).is_ok());
    assert!(text(Array::uniform([3], f64::NAN, 1.0, 0)).contains("NaN"));
    assert!(text(Array::normal([3], 0.0, -1.0, 0)).contains("-1 is no deviation"));
    assert!(text(Array::zeros([usize::MAX, 2])).contains("more elements than can be counted"));
    assert!(text(Array::zeros(vec![1; 33])).contains("at most 32 axes"));
    assert!(x.clone().fan_in(1).is_err());
    let wide = Array::<f64>::zeros([1, 1 << 40]).unwrap();
    assert!(wide.broadcast_with(&Array::<f64>::zeros([1 << 40, 1]).unwrap()).is_err());
}

#[test]
#[should_panic(expected = "shapes (3,) and (4,) do not fit")]
fn an_operator_of_shapes_that_do_not_fit_panics() {
    let _ = Array::<i32>::zeros([3]).unwrap() + Array::<i32>::zeros([4]).unwrap();
}

#[test]
fn files_that_are_no_arrays_are_told_when_they_are_opened() {
    let directory = Directory::new("wrong-files");
    let path = directory.file("x.npy");
    let text = || Array::<f64>::open_npy(&path).unwrap_err().to_string();
    assert!(text().contains("x.npy: No such file"), "{}", text());
    Array::from_ndarray(array![1i32, 2, 3]).to_npy(&path).unwrap().run().unwrap();
    assert!(text().contains("x.npy holds elements of type i32, and is opened as f64"), "{}", text());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(text().contains("it is cut off: 140 bytes are wanted, it has 139"), "{}", text());
    fs::write(&path, &whole[..20]).unwrap();
    assert!(text().contains("header is cut off"), "{}", text());
    fs::write(&path, b"not an array at all").unwrap();
    assert!(text().contains("it is no .npy file"), "{}", text());
}

#[test]
fn a_chain_of_steps_is_one_task_a_block_however_long() {
    let x = Array::<f64>::ones([8]).unwrap().chunks(4).unwrap();
    let chain = ((&x + 1.0) * 3.0 - &x).sqrt();
    assert_eq!(chain.name(), "add-mul-sub-sqrt");
    // Of each block one task makes it, and one does all the rest.
    assert_eq!(chain.to_dot().matches("add-mul-sub-sqrt").count(), 2);
    let mut long = x.clone();
    for _ in 0..200 {
        long = &long * 1.5 - 0.5;
    }
    assert!(long.collect().run().unwrap().iter().all(|x| *x == 1.0));
    let mut doubled = x.clone();
    for _ in 0..60 {
        // A graph of paths as many as 2 to the 60th; what is shared is computed once.
        doubled = &doubled + &doubled.t();
    }
    assert_eq!(doubled.max().unwrap().run().unwrap(), 2f64.powi(60));
}

#[test]
fn futures_and_arrays_mix() {
    let x = Array::<i64>::arange(0, 1, 6).unwrap().chunks(2).unwrap();
    let again = Array::from_delayed(x.chunk_lengths(), x.to_delayed()).unwrap();
    assert_eq!(again.sum().run().unwrap(), 15);
    let text = Array::from_delayed(vec![vec![2, 2]], x.to_delayed()).unwrap_err().to_string();
    assert!(text.contains("they are 2 blocks, and 3 calls were given"), "{text}");
}
