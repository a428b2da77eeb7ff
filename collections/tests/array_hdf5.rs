//! Arrays from HDF5 files and to them, on every kind of cluster.
#![cfg(feature = "hdf5")]

#[path = "../../client/tests/support/mod.rs"]
mod support;

use std::{env, fs, path::PathBuf, process, thread};

use brisk_collections::{
    Collection,
    array::{Array, Element, Number},
};

brisk_client::test_worker!();

/// A file of this test's own.
fn file(name: &str) -> PathBuf {
    let directory = env::temp_dir().join(format!("brisk-hdf5-{}-{:?}", process::id(), thread::current().id()));
    fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

on_every_cluster! {
    async fn a_dataset_is_written_and_read(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let path = file("random.hdf5");
        let x = Array::<f64>::random([20, 30], 5).unwrap().chunks([6, 30]).unwrap();
        let written = client.submit(x.to_hdf5(&path, "/group/x").unwrap()).await.unwrap();
        assert_eq!(written, 20 * 30 * 8);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no part is left");
        let back = Array::<f64>::open_hdf5(&path, "/group/x").unwrap().chunks([9, 7]).unwrap();
        assert!(client.submit(back.eq(&x).all()).await.unwrap());
        let kept = client.persist(back);
        kept.wait().await.unwrap();
        assert_eq!(client.submit(kept.sum()).await.unwrap(), x.chunks([9, 7]).unwrap().sum().run().unwrap());

        // The file is another one by the time it is read.
        let late = Array::<f64>::open_hdf5(&path, "/group/x").unwrap().chunks(10).unwrap();
        let other = Array::<f64>::zeros([4]).unwrap();
        client.submit(other.to_hdf5(&path, "/group/x").unwrap()).await.unwrap();
        let error = client.submit(late.sum()).await.unwrap_err().to_string();
        assert!(error.contains("dataset /group/x, block ["), "{error}");
        assert!(error.contains("its shape was [20, 30], and is [4]"), "{error}");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

fn comes_back<T: Number>() {
    let path = file("numbers.hdf5");
    let x = Array::<T>::arange(T::ZERO, T::ONE, 20).unwrap().reshape([4, 5]).unwrap().chunks(2).unwrap();
    same(&x, &path);
    same(&x.gt(T::ONE), &path);
    same(&x.slice((0, 0)).unwrap(), &path);
    same(&Array::<T>::zeros([0, 3]).unwrap(), &path);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn same<T: Element>(x: &Array<T>, path: &PathBuf) {
    x.to_hdf5(path, "x").unwrap().run().unwrap();
    let back = Array::<T>::open_hdf5(path, "x").unwrap();
    assert_eq!(back.collect().run().unwrap(), x.collect().run().unwrap());
}

#[test]
fn every_type_and_shape_comes_back() {
    comes_back::<f64>();
    comes_back::<f32>();
    comes_back::<i64>();
    comes_back::<i32>();
    comes_back::<u8>();
}

#[test]
fn what_is_no_dataset_of_such_elements_is_told_when_it_is_opened() {
    let path = file("wrong.hdf5");
    let text = |dataset: &str| Array::<f64>::open_hdf5(&path, dataset).unwrap_err().to_string();
    assert!(text("x").contains("wrong.hdf5: No such file"), "{}", text("x"));
    Array::<i64>::ones([2_000]).unwrap().to_hdf5(&path, "x").unwrap().run().unwrap();
    assert!(text("x").contains("holds elements of type i64, and is opened as f64"), "{}", text("x"));
    assert!(text("y").contains("dataset y"), "{}", text("y"));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(text("x").contains("wrong.hdf5: dataset x") && text("x").contains("truncated"), "{}", text("x"));
    fs::write(&path, b"not such a file").unwrap();
    assert!(text("x").contains("wrong.hdf5"), "{}", text("x"));
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
