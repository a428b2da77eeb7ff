use brisk_client::actor;

struct Counter(i64);

#[actor]
impl Counter {
    fn new(start: i64) -> Self {
        Counter(start)
    }

    fn end(self) -> i64 {
        self.0
    }

    fn borrowed(&self) -> &i64 {
        &self.0
    }

    fn add<T: Into<i64>>(&mut self, x: T) {
        self.0 += x.into();
    }
}

struct Pair<T>(T, T);

#[actor]
impl<T> Pair<T> {
    fn first(&self) -> u8 {
        1
    }
}

#[actor]
struct Lonely;

fn main() {}
