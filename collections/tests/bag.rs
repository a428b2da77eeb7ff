//! Bags on every kind of cluster.

#[path = "../../client/tests/support/mod.rs"]
mod support;

use std::{fs, io::Write, num::ParseIntError, path::PathBuf};

use brisk_client::{ErrorKind, Json, task, task_fn};
use brisk_collections::{
    Collection,
    bag::{self, OnError, ReadText},
    foundation::FanIn,
    record,
};
use serde::{Deserialize, Serialize};
use support::all_is_forgotten;

brisk_client::test_worker!();

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    name: String,
    amount: i64,
}

record!(Account);

#[task]
fn square(x: i64) -> i64 {
    x * x
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn is_even(x: &i64) -> bool {
    x % 2 == 0
}

#[task]
fn half(x: i64) -> Option<i64> {
    (x % 2 == 0).then_some(x / 2)
}

#[task]
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[task]
fn parse(text: &str) -> Result<i64, ParseIntError> {
    text.parse()
}

#[task]
fn ratio(x: i64) -> i64 {
    100 / x
}

#[task]
fn reversed(part: Vec<i64>) -> Vec<i64> {
    part.into_iter().rev().collect()
}

#[task]
fn name(account: &Account) -> String {
    account.name.clone()
}

#[task]
fn add_amount(sum: i64, account: &Account) -> i64 {
    sum + account.amount
}

#[task]
async fn later(x: i64) -> i64 {
    x
}

/// A directory of a test's own, which goes with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let kind = std::thread::current().name().unwrap_or_default().replace("::", "-");
        let path = std::env::temp_dir().join(format!("brisk-bag-{name}-{kind}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn lines(numbers: std::ops::Range<i64>) -> String {
    numbers.map(|n| format!("{n}\n")).collect()
}

on_every_cluster! {
    async fn steps_are_made_in_one_task_a_partition(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let k = client.submit(add(1, 2));
        let bag = bag::range(0..5_000, 3).unwrap();
        // A future, a nested call, a function in place and an option, all fused.
        let steps = bag
            .map(|x| add(square(x), &k))
            .filter(is_even)
            .map(task_fn!(|x: i64| x + 1))
            .flat_map(task_fn!(|x: i64| -> Vec<i64> { vec![x; 2] }))
            .map(task_fn!([k: i64] |x: i64| -> i64 { x - k }));
        let expected: Vec<i64> =
            (0..5_000).map(|x| x * x + 3).filter(|x| x % 2 == 0).flat_map(|x| [x + 1 - 3; 2]).collect();
        assert_eq!(steps.name(), "range-map-filter-map-flat_map-map");
        assert!(steps.compute(&client).await.unwrap() == expected);
        assert_eq!(client.submit(steps.count()).await.unwrap(), expected.len() as u64);
        assert_eq!(client.submit(steps.sum()).await.unwrap(), expected.iter().sum::<i64>());
        let halves = bag.filter_map(half).map_partitions(reversed);
        let parts = halves.submit(&client);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0].result().await.unwrap()[0], 832);
    }

    async fn reductions(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let bag = bag::from_sequence([5_i64, 3, 8, 3, -1, 8, 8], 3).unwrap().fan_in(FanIn::new(2).unwrap());
        let (min, max, mean, top) = client.compute((bag.min(), bag.max(), bag.mean(), bag.top_k(2)));
        assert_eq!((min.await.unwrap(), max.await.unwrap()), (-1, 8));
        assert_eq!((mean.await.unwrap(), top.await.unwrap()), (34.0 / 7.0, vec![8, 8]));
        let (reduced, folded) = client.compute((bag.reduce(add), bag.fold(0, add, add)));
        assert_eq!((reduced.await.unwrap(), folded.await.unwrap()), (34, 34));
        assert_eq!(bag.distinct().compute(&client).await.unwrap(), [5, 3, 8, -1]);
        assert_eq!(bag.frequencies().compute(&client).await.unwrap(), [(5, 1), (3, 2), (8, 3), (-1, 1)]);
        assert_eq!(client.submit(bag.take(4)).await.unwrap(), [5, 3, 8, 3]);
        let empty = bag.filter(task_fn!(|_: i64| -> bool { false }));
        let error = client.submit(empty.max()).await.unwrap_err();
        assert!(error.to_string().contains("max of a bag without elements"), "{error}");
        assert_eq!(client.submit(empty.sum()).await.unwrap(), 0);
        let fives = bag::from_sequence([i64::MAX, 1], 2).unwrap();
        assert!(client.submit(fives.sum()).await.unwrap_err().to_string().contains("too great for i64"));
    }

    async fn accounts_are_counted_and_summed_by_name(cluster: LocalCluster) {
        let directory = Directory::new("accounts");
        let line = |name: &str, amount: i64| format!("{{\"name\":\"{name}\",\"amount\":{amount}}}\n");
        directory.put("accounts.0.json.gz", &gzipped(&(line("Alice", 5) + &line("Bob", 7))));
        let other = ruzstd::encoding::compress_to_vec(line("Alice", 1).as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
        directory.put("accounts.1.json.zst", &other);
        let client = cluster.client().await.unwrap();
        let accounts = bag::read_json::<Account>(&directory.path("accounts.*.json.*")).unwrap();
        let alice = accounts.filter(task_fn!(|a: &Account| -> bool { a.name == "Alice" }));
        assert_eq!(client.submit(alice.count()).await.unwrap(), 2);
        let sums = accounts.fold_by(name, 0, add_amount, add);
        assert_eq!(sums.compute(&client).await.unwrap(), [("Alice".to_owned(), 6), ("Bob".to_owned(), 7)]);

        let files = client.submit(accounts.to_json(&directory.path("out/part-*.json.gz")).unwrap()).await.unwrap();
        assert!(files[1].ends_with("out/part-00001.json.gz"), "{files:?}");
        let back = bag::read_json::<Json<serde_json::Value>>(&directory.path("out/*.gz")).unwrap();
        let back = back.compute(&client).await.unwrap();
        assert_eq!((back.len(), &back[1].0["name"]), (3, &serde_json::json!("Bob")));
        assert_eq!(fs::read_dir(directory.0.join("out")).unwrap().count(), 2, "nothing is left beside the files");
    }

    async fn an_element_that_goes_wrong_is_named(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let texts: Vec<String> = (0..5_000).map(|n| if n == 4_321 { "x".to_owned() } else { n.to_string() }).collect();
        let numbers = bag::from_sequence(texts, 2).unwrap().map(parse);
        let error = client.submit(numbers.sum()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("invalid digit found in string (`parse` of element 1821 of partition 1)"), "{text}");
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(client.submit(numbers.on_error(OnError::Skip).count()).await.unwrap(), 4_999);
        assert_eq!(client.submit(numbers.on_error(OnError::Skip).skipped()).await.unwrap(), 1);

        let ratios = bag::range(-1_500..10, 1).unwrap().filter(is_even).map(ratio);
        let error = client.submit(ratios.count()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("attempt to divide by zero (`ratio` of element 1500 of partition 0)"), "{text}");
        assert!(text.contains("bag.rs:") && error.kind() == ErrorKind::Panicked, "{text}");
    }

    async fn lines_are_cut_at_their_ends_and_known_by_number(cluster: LocalCluster) {
        let directory = Directory::new("lines");
        let text = lines(0..1_000) + "last";
        let path = directory.put("numbers.txt", text.as_bytes());
        let client = cluster.client().await.unwrap();
        let whole: Vec<String> = text.lines().map(str::to_owned).collect();
        for blocksize in [7, 64, 1_000] {
            let cut = ReadText::default().blocksize(blocksize).unwrap().open(&path).unwrap();
            assert_eq!(cut.partitions() as u64, (text.len() as u64).div_ceil(blocksize));
            assert_eq!(cut.compute(&client).await.unwrap(), whole, "in blocks of {blocksize}");
        }
        let cut = ReadText::default().blocksize(500).unwrap().open(&path).unwrap();
        let error = client.submit(cut.map(parse).sum()).await.unwrap_err().to_string();
        assert!(error.contains("numbers.txt:1001)"), "{error}");
        let counted = cut.flat_map(words).frequencies().count();
        assert_eq!(client.submit(counted).await.unwrap(), 1_001);
    }

    async fn files_that_are_not_what_they_seem(cluster: LocalCluster) {
        let directory = Directory::new("broken");
        let client = cluster.client().await.unwrap();
        let whole = gzipped(&lines(0..1_000));
        let told = async |path: String, words: &str| {
            let error = client.submit(bag::read_text(&path).unwrap().count()).await.unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(&path), "{error}");
        };
        told(directory.put("cut.gz", &whole[..whole.len() / 2]), "can't be read here").await;
        told(directory.put("text.gz", b"no gzip at all"), ".gz:1: can't be read here").await;
        let packed = ruzstd::encoding::compress_to_vec(lines(0..1_000).as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
        told(directory.put("cut.zst", &packed[..packed.len() / 2]), "can't be read here").await;
        told(directory.put("text.zst", b"no zstd at all"), ".zst:1: can't be read here").await;
        let sixteen: Vec<u8> = "\u{feff}one\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        told(directory.put("utf16.txt", &sixteen), ".txt:1: the line is no UTF-8, from its byte 1 on").await;
        told(directory.put("latin.txt", b"one\ntwo\ncaf\xe9\n"), ".txt:3: the line is no UTF-8, from its byte 4 on").await;
        let gone = directory.put("gone.txt", b"1\n");
        let bag = bag::read_text(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        assert!(client.submit(bag.count()).await.unwrap_err().to_string().contains("gone.txt can't be read"));
    }

    async fn lines_of_another_type_are_told_by_file_and_line(cluster: LocalCluster) {
        let directory = Directory::new("mixed");
        directory.put("a.json", b"{\"name\":\"Alice\",\"amount\":1}\n");
        let mixed = b"{\"name\":\"Bob\",\"amount\":2}\n{\"name\":\"Eve\",\"amount\":\"3\"}\n[4]\n";
        let second = directory.put("b.json", mixed);
        let client = cluster.client().await.unwrap();
        let accounts = bag::read_json::<Account>(&directory.path("*.json")).unwrap();
        let error = client.submit(accounts.count()).await.unwrap_err();
        let text = error.to_string();
        let why = "no JSON of a bag::Account: invalid type: string \"3\", expected i64 at column 26";
        assert!(text.contains(why) && text.contains(&format!("element 1 of partition 1, {second}:2)")), "{text}");
        assert_eq!(error.kind(), ErrorKind::Failed);
        let rest = accounts.on_error(OnError::Skip);
        let (count, skipped) = client.compute((rest.count(), rest.skipped()));
        assert_eq!((count.await.unwrap(), skipped.await.unwrap()), (2, 2));
    }

    async fn files_are_written_whole_or_not_at_all(cluster: LocalCluster) {
        let directory = Directory::new("written");
        let client = cluster.client().await.unwrap();
        let words = bag::from_sequence(["one", "two", "three"].map(String::from), 2).unwrap();
        let files = client.submit(words.to_text(&directory.path("new/words-*.txt")).unwrap()).await.unwrap();
        assert_eq!(files, ["words-00000.txt", "words-00001.txt"].map(|name| directory.path(&format!("new/{name}"))));
        assert_eq!(files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<String>(), "one\ntwo\nthree\n");

        // The second partition fails when half of it is written.
        let numbers = bag::from_sequence([1_i64, 2, 3, 0], 2).unwrap().map(ratio);
        let texts = numbers.map(task_fn!(|x: i64| -> String { x.to_string() }));
        client.submit(texts.to_text(&directory.path("failed/*.txt")).unwrap()).await.unwrap_err();
        // The first may be there by now, or be under way; of the second there is nothing.
        let left = || fs::read_dir(directory.path("failed")).unwrap().map(|file| file.unwrap().file_name());
        assert!(left().all(|name| !name.to_string_lossy().contains("00001")), "{:?}", left().collect::<Vec<_>>());

        let file = directory.put("file", b"");
        let error = client.submit(words.to_text(&format!("{file}/*.txt")).unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("/file/0000") && error.contains("can't be written"), "{error}");
        for pattern in ["words.txt", "*/*.txt", "*/words.txt"] {
            let error = words.to_text(pattern).unwrap_err().to_string();
            assert!(error.contains(pattern) && error.contains("one file a partition is written"), "{error}");
        }
    }

    async fn records_in_columns(cluster: LocalCluster) {
        let directory = Directory::new("csv");
        directory.put("a.csv", b"name,amount\nAlice,1\n\"Bo\nb\",2\n");
        let second = directory.put("b.csv", b"name,amount\r\n\"A \"\"lice\",3\r\nBob,much\r\n");
        let client = cluster.client().await.unwrap();
        let accounts = bag::read_csv::<Account>(&directory.path("*.csv")).unwrap();
        let error = client.submit(accounts.count()).await.unwrap_err().to_string();
        assert!(error.contains("no record of a bag::Account") && error.contains(&format!("{second}:3)")), "{error}");
        let names = accounts.on_error(OnError::Skip).map(name).compute(&client).await.unwrap();
        assert_eq!(names, ["Alice", "Bo\nb", "A \"lice"]);
        let third = directory.put("c.csv", b"amount,name\n1,Eve\n");
        let mixed = bag::read_csv::<Account>(&directory.path("*.csv")).unwrap().on_error(OnError::Skip);
        let error = client.submit(mixed.count()).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{third}:1: the columns are `amount,name`")), "{error}");
    }

    async fn what_is_persisted_is_computed_once_and_let_go(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let bag = bag::range(0..1_000, 4).unwrap().map(square);
        assert!(bag.wait().await.unwrap_err().to_string().contains("persist it first"));
        let bag = client.persist(bag);
        bag.wait().await.unwrap();
        assert_eq!(cluster.snapshot().total(), 4);
        assert_eq!((bag.name(), bag.partitions()), ("range-map".to_owned(), 4));
        assert_eq!(client.submit(bag.map(half_of()).count()).await.unwrap(), 1_000);
        let six = bag.repartition(6).unwrap();
        assert_eq!(six.partitions(), 6);
        assert_eq!(six.compute(&client).await.unwrap(), (0..1_000).map(|x| x * x).collect::<Vec<i64>>());
        let two = bag.repartition(2).unwrap();
        assert_eq!(client.submit(two.to_delayed().remove(1)).await.unwrap().len(), 500);
        drop((bag, six, two));
        all_is_forgotten(&cluster).await;
    }

    async fn only_what_is_needed_is_computed(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // The last partition would fail.
        let bag = bag::from_sequence([4_i64, 2, 1, 0], 4).unwrap().map(ratio);
        assert_eq!(client.submit(bag.take(3)).await.unwrap(), [25, 50, 100]);
        assert!(client.submit(bag.take(4)).await.is_err());
        let graph = bag.sum();
        assert!(graph.to_dot().contains("sum-tree") && graph.to_dot().contains("sequence-map-sum"));
        assert!(bag.to_dot().contains("sequence-map"));
    }

    async fn steps_that_can_not_be_made_say_why(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let bag = bag::range(0..10, 2).unwrap();
        let told = async |count: brisk_client::Delayed<u64>, words: &str| {
            let error = client.submit(count).await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        told(bag.map(later).count(), "is an `async fn`").await;
        told(bag.map(|x| square(x).key("x")).count(), "options that a call for an element can't have").await;
        let bag = bag::from_delayed([unknown()]);
        told(bag.count(), "brisk_client::register_types!").await;
        assert!(bag::range(0..1, 0).unwrap_err().to_string().contains("is zero"));
        assert!(ReadText::default().blocksize(0).is_err());
        let missing = bag::read_json::<Account>("/nowhere/a.json").unwrap_err().to_string();
        assert!(missing.contains("no file matches `/nowhere/a.json`"), "{missing}");
        assert!(bag::read_csv::<Account>("/nowhere/a.csv").unwrap_err().to_string().contains("no file matches"));
        assert!(bag.repartition(0).unwrap_err().to_string().contains("is zero"));
        assert!(FanIn::new(1).unwrap_err().to_string().contains("at least two"));
        assert!(bag::read_text("/nowhere/*.txt").unwrap_err().to_string().contains("no file matches `/nowhere/*.txt`"));
        assert!(bag::read_text("a[").unwrap_err().to_string().contains("no pattern of file names"));
    }
}

fn half_of() -> impl FnOnce(brisk_client::Elem<i64>) -> brisk_client::Delayed<Option<i64>> {
    |x| half(x)
}

/// A call whose result has elements that nobody has registered.
fn unknown() -> brisk_client::Delayed<Vec<(u8, (u8, u16))>> {
    brisk_collections::foundation::refused("never run")
}
